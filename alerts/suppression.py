"""Why an open alert is told to nobody, and who answers for it: silences, inhibition, absorption. Pure.

A person's silence comes first. A technical alert inhibits what it makes meaningless, only while it is itself told, and
never what is high; what was told before the fault was known is not taken back, except by lost contact. One alert absorbs
another that says the same, at the same priority or a lower one. What people observed at the bedside no technical alert
makes meaningless. The reasons stand in docs/adr/0024.
"""

from typing import Final

import msgspec

from alerts.episode import RANK, Episode
from alerts.life import TECHNICAL_KINDS, LifeRule
from alerts.state import Machine, PatientState
from alerts.unjudged import LOST_KINDS
from vitals.alert import AlertKind, Priority, Reason, Suppression
from vitals.limits import HARD_LIMITS, Side
from vitals.news2 import RED
from vitals.reading import CHARTING, DeviceId
from vitals.sign import Sign

LIMIT_KINDS: Final = frozenset(rule.kind for rule in HARD_LIMITS)
"""Kinds that the limits of a sign raise."""
SCORE_AWAITED_MS: Final = 300_000
"""As long as a reading may take to arrive and still speak of now."""
_LOW_KINDS: Final = frozenset(rule.kind for rule in HARD_LIMITS if rule.side is Side.LOW)


def bounded(silence: Suppression | None, priority: Priority, heard_ms: int, life: LifeRule) -> Suppression | None:
    """The silence as far as it holds at `heard_ms`; of what is high for a limited time only."""
    if silence is None or priority is not Priority.HIGH:
        return silence
    until_ms = silence.since_ms + round(life.silence_high_s_max * 1000)
    if silence.until_ms is not None:
        until_ms = min(until_ms, silence.until_ms)
    return msgspec.structs.replace(silence, until_ms=until_ms) if heard_ms < until_ms else None


def at_telling(
    state: PatientState,
    kind: AlertKind,
    priority: Priority,
    sign: Sign | None,
    silence: Suppression | None,
    heard_ms: int,
    device_id: DeviceId | None = None,
) -> Suppression | None:
    """What keeps an alert quiet that is about to be told, for the first time or anew; `device_id`: of what raises it."""
    if silence is not None or priority is Priority.HIGH or kind in TECHNICAL_KINDS:
        return silence
    inhibitor = None if is_observed(kind, device_id) else _inhibitor(state, kind, priority, sign)
    if inhibitor is not None:
        return Suppression(Reason.INHIBITED, heard_ms, kind=inhibitor)
    absorber = _absorber(state, kind)
    return None if absorber is None else Suppression(Reason.ABSORBED, heard_ms, kind=absorber)


def standing(
    state: PatientState, machine: Machine, episode: Episode, silence: Suppression | None, heard_ms: int
) -> Suppression | None:
    """What keeps an open episode quiet now; the same object where nothing changed."""
    now = episode.suppression
    # A status pages nobody anew: what was kept quiet and is over stays so, unless it is high.
    if episode.latched and episode.priority is not Priority.HIGH:
        return now
    wanted = silence
    if wanted is None and episode.priority is not Priority.HIGH and episode.kind not in TECHNICAL_KINDS:
        wanted = _still(state, machine, now, heard_ms)
        if is_observed(episode.kind, episode.device_id):
            wanted = None if wanted is not None and wanted.reason is Reason.INHIBITED else wanted
        elif is_told(state, AlertKind.LOST_CONTACT):
            wanted = Suppression(Reason.INHIBITED, heard_ms, kind=AlertKind.LOST_CONTACT)
    return now if _is_same(now, wanted) else wanted


def is_observed(kind: AlertKind, device_id: DeviceId | None) -> bool:
    """Whether an alert rests on what a person observed: no sensor, and no silence of one, makes that meaningless."""
    return kind is AlertKind.CONSCIOUSNESS or device_id == CHARTING


def is_told(state: PatientState, kind: AlertKind) -> bool:
    """Whether such an alert is active and kept from nobody."""
    machine = state.machines.get(kind)
    episode = None if machine is None else machine.episode
    return episode is not None and episode.active and episode.suppression is None


def depth_of(kind: AlertKind, value: float | None, limit: float | None) -> float:
    """How bad an episode has been, as far as what was told of it says (`alerts.episode.Finding.depth`)."""
    if kind is AlertKind.CONSCIOUSNESS:
        return value or 0.0
    if kind not in LIMIT_KINDS or limit is None:
        return 0.0
    return -limit if kind in _LOW_KINDS else limit


def goes_quiet(
    state: PatientState, heard_ms: int, sign: Sign | None = None, device_id: DeviceId | None = None
) -> Episode | None:
    """The unacknowledged high alert that a fault (of `sign`, of a device, or of all contact) comes over, if any."""
    for kind, machine in state.machines.items():
        episode = machine.episode
        if episode is None or kind in TECHNICAL_KINDS or episode.is_in_hand(heard_ms):
            continue
        is_meant = sign is None or episode.sign in (None, sign)
        if device_id is not None and episode.device_id is not None:
            is_meant = is_meant and episode.device_id == device_id
        if episode.priority is Priority.HIGH and is_meant:
            return episode
    return None


def awaits_score(state: PatientState, heard_ms: int) -> bool:
    """Whether the assessment of a reading that was heard lately is still to come.

    What it says may be read before or after, since it stands in another topic: until then nothing is decided about a
    score that it might decide otherwise. A scorer that is dead holds nothing up for longer than `SCORE_AWAITED_MS`.
    """
    if state.newest_ms is None or (state.assessed.last_ms or 0) >= state.newest_ms:
        return False
    return heard_ms - (state.contact.heard_ms or 0) < SCORE_AWAITED_MS


def _still(state: PatientState, machine: Machine, now: Suppression | None, heard_ms: int) -> Suppression | None:
    """The inhibition or absorption of before, as long as its ground stands."""
    if now is None or now.kind is None:
        return None
    if now.reason is Reason.INHIBITED:
        return now if is_told(state, now.kind) else None
    if _absorber(state, AlertKind.NEWS2_SINGLE_RED) is not None or machine.clear_since_ms is not None:
        return now
    if any(now.kind not in _saying(red) for red in _reds(state)):
        # The score is red for more, or for something else, than the alert that said so. No later score is waited for: a
        # replay, which knows of later readings already, is to decide alike.
        return None
    if awaits_score(state, heard_ms):
        return now
    return None


def _inhibitor(state: PatientState, kind: AlertKind, priority: Priority, sign: Sign | None) -> AlertKind | None:
    """The told technical alert that makes this one meaningless; what is irregular inhibits nothing graver than itself."""
    if is_told(state, AlertKind.LOST_CONTACT):
        return AlertKind.LOST_CONTACT
    rests_on = _only_red(state) if kind is AlertKind.NEWS2_SINGLE_RED else sign
    if rests_on is None:
        return None
    lost = LOST_KINDS.get(rests_on)
    if lost is not None and is_told(state, lost):
        return lost
    irregular = state.machines.get(AlertKind.IRREGULAR_DATA)
    if irregular is None or irregular.episode is None or rests_on not in state.irregular.signs:
        return None
    if RANK[irregular.episode.priority] < RANK[priority]:
        return None
    return AlertKind.IRREGULAR_DATA if is_told(state, AlertKind.IRREGULAR_DATA) else None


def _absorber(state: PatientState, kind: AlertKind) -> AlertKind | None:
    """The told alert that says already what a single red score says."""
    red = _only_red(state) if kind is AlertKind.NEWS2_SINGLE_RED else None
    if red is None:
        return None
    return next((other for other in _saying(red) if is_told(state, other)), None)


def _saying(red: Sign) -> tuple[AlertKind, ...]:
    """The kinds that say of a sign what its red score says."""
    return (AlertKind.CONSCIOUSNESS,) if red is Sign.CONSCIOUSNESS else LIMIT_KINDS_BY_SIGN.get(red, ())


def _only_red(state: PatientState) -> Sign | None:
    reds = _reds(state)
    return reds[0] if len(reds) == 1 else None


def _reds(state: PatientState) -> list[Sign]:
    return [sign for sign, points in state.news2_points.items() if points >= RED]


def _is_same(one: Suppression | None, other: Suppression | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.reason, one.silence_id, one.kind, one.by) == (other.reason, other.silence_id, other.kind, other.by)


LIMIT_KINDS_BY_SIGN: Final = {
    sign: tuple(rule.kind for rule in HARD_LIMITS if rule.sign is sign) for sign in {rule.sign for rule in HARD_LIMITS}
}
