"""What becomes of a patient's alerts when readings turn out to be somebody else's, or an entry is taken back. Pure.

Open episodes that these readings raised are retracted; evidence that may rest on them is dropped, so that what is true
of the patient is judged anew by the patient's own readings: a delay's worth later at most, and never by another's. A score
alert that began before keeps the last known points of inputs that are missing now: only contrary readings end it.
"""

from collections.abc import Iterator

from alerts.episode import Moved, retracted
from alerts.evidence import Cadence
from alerts.irregular import Irregular
from alerts.score_family import SCORED_KINDS
from alerts.state import Machine, PatientState
from vitals.alert import AlertKind
from vitals.identity import episode_id
from vitals.reading import Withdrawn

SCORE_KINDS = frozenset(
    {
        AlertKind.NEWS2_SINGLE_RED,
        AlertKind.NEWS2_URGENT,
        AlertKind.NEWS2_EMERGENCY,
        AlertKind.UNUSUAL_PATTERN,
    }
)
"""These join the values of several devices: whichever device's reading raised one, it may rest on any."""


def retract(state: PatientState, withdrawn: Withdrawn) -> Iterator[tuple[Machine, Moved]]:
    """Step the state by a withdrawal; the open episodes that it retracts."""
    retracted_kinds: set[AlertKind] = set()
    for kind, machine in state.machines.items():
        episode = machine.episode
        if episode is not None and was_raised_by(
            withdrawn, kind, episode.episode_id, raised_at_ms=episode.raised_at_ms, device_id=episode.device_id
        ):
            retracted_kinds.add(kind)
            yield machine, retracted(episode, withdrawn)
        if withdrawn.reading_id is not None:
            _doubt_recovery(kind, machine)
        elif kind is not AlertKind.LOST_CONTACT:
            _drop_evidence(machine, withdrawn)
    if retracted_kinds & SCORE_KINDS:
        state.news2_points = {}
    if withdrawn.reading_id is None:
        _forget_device(state, withdrawn)


def was_raised_by(
    withdrawn: Withdrawn, kind: AlertKind, episode: str, *, raised_at_ms: int, device_id: str | None
) -> bool:
    """Whether an episode rests on what was withdrawn.

    Where nobody knows any more whose reading raised it (None, as in episodes of older versions) the time decides. Lost
    contact rests on no reading.
    """
    if withdrawn.reading_id is not None:
        return episode == episode_id(withdrawn.patient_id, kind, withdrawn.reading_id)
    if kind is AlertKind.LOST_CONTACT or not withdrawn.from_ms <= raised_at_ms < withdrawn.until_ms:
        return False
    return kind in SCORE_KINDS or device_id in (None, withdrawn.device_id)


def _drop_evidence(machine: Machine, withdrawn: Withdrawn) -> None:
    since_ms = [began_ms for began_ms in (*machine.since_ms, machine.clear_since_ms) if began_ms is not None]
    if since_ms and min(since_ms) < withdrawn.until_ms:
        machine.since_ms, machine.clear_since_ms = [], None


def _doubt_recovery(kind: AlertKind, machine: Machine) -> None:
    """An entry taken back is no evidence of any device, and takes none; only a score may have seemed to fall by it."""
    if kind in SCORED_KINDS:
        machine.clear_since_ms = None


def _forget_device(state: PatientState, withdrawn: Withdrawn) -> None:
    """Rhythms and contact that the device gave this patient."""

    def is_meant(at_ms: int | None) -> bool:
        return at_ms is not None and withdrawn.from_ms <= at_ms < withdrawn.until_ms

    if is_meant(state.device_newest_ms.get(withdrawn.device_id)):
        del state.device_newest_ms[withdrawn.device_id]
        state.newest_ms = max(state.device_newest_ms.values(), default=None)
    for sign in [sign for sign, cadence in state.cadences.items() if is_meant(cadence.last_ms)]:
        del state.cadences[sign]
    for sign in [sign for sign, watch in state.watches.items() if is_meant(watch.judged.last_ms)]:
        del state.watches[sign]
    if is_meant(state.assessed.last_ms):
        state.assessed = Cadence()
    state.irregular = Irregular()
    state.shifts.clear()
    state.batteries.charges.pop(withdrawn.device_id, None)
    state.clocks.devices.pop(withdrawn.device_id, None)
    contact = state.contact
    if is_meant(contact.heard_ms) and contact.heard_ms is not None:
        heard_ms = max([withdrawn.from_ms, *state.device_newest_ms.values()])
        contact.heard_ms = min(contact.heard_ms, heard_ms)
        contact.moment_ms = min(contact.moment_ms, contact.heard_ms)
        contact.intervals_ms = []
        contact.burst_from_ms, contact.bursts = None, []
