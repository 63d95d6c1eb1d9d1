"""What the engine remembers of one patient: plain records, stored and restored bit-identically. Pure.

Everything here is bounded by a constant of this file or by the number of signs and alert kinds.
"""

import msgspec

from alerts.battery import Batteries
from alerts.clocks import Clocks
from alerts.episode import RANK, Episode
from alerts.evidence import Cadence
from alerts.irregular import Irregular
from alerts.shift import SignShift
from alerts.unjudged import SignWatch
from alerts.watchdog import Contact
from vitals.alert import AlertKind, Command, Priority
from vitals.lateness import event_ms, is_out_of_order, is_outdated
from vitals.reading import PatientId, Reading, WardId
from vitals.sequences import SeenSequences
from vitals.sign import Sign

STATE_VERSION = "alerts-2"
"""Changes whenever an old state would be misread; then open episodes are taken over from SQL instead."""

BOOTS_MAX = 16
"""Devices, and device boots, remembered per patient; the longest unheard goes first."""
INTERVALS_MAX = 32
"""Gaps remembered per boot."""
RECENT_IDS_MAX = 32
"""Readings without sequence, assessments, commands and closed episodes whose ids are remembered, of each."""
GONE_MS = 10_000
"""For so long after a discharge a reading may still be received: ingest knows the registry as of half a second ago, and the
clocks of two processes differ. Who is measured beyond that alarms as anybody; our choice."""
PENDING_MAX = 16
"""Commands kept because their episode is not known yet."""


class Machine(msgspec.Struct, omit_defaults=True):
    """One alert kind of one patient: evidence for and against, and the open episode; mutable."""

    since_ms: list[int | None] = []
    """Per depth, since when the condition has held without a gap."""
    clear_since_ms: int | None = None
    """Since when the contrary has held without a gap."""
    episode: Episode | None = None
    """Open: active, or latched."""

    holds: Priority | None = None
    """Of a limit: the priority of the deepest band that holds now, its delay passed; None where none does."""

    @property
    def is_active(self) -> bool:
        """Whether an episode is open whose condition holds."""
        return self.episode is not None and self.episode.active

    def wants(self, priority: Priority, depth: float) -> bool:
        """Whether a finding of this priority and depth would say anything new."""
        episode = self.episode
        if episode is None or episode.latched or depth > episode.depth:
            return True
        return RANK[priority] > RANK[episode.priority]


class StandingConsciousness(msgspec.Struct, frozen=True):
    """One charted observation of consciousness."""

    at_ms: int
    """When it was observed."""
    value: int
    """Place in ACVPU."""
    reading_id: str
    by: str
    """Who charted it."""


class PatientState(msgspec.Struct, omit_defaults=True):
    """One patient; mutable."""

    patient_id: PatientId
    seen: dict[str, SeenSequences] = {}
    """Per `device/boot`, in order of use."""
    reading_ids: list[str] = []
    newest_ms: int | None = None
    """The newest `event_ms` of a reading."""
    device_newest_ms: dict[str, int] = {}
    """The same per device, in order of use."""
    cadences: dict[Sign, Cadence] = {}
    read_to: dict[str, int] = {}
    """Per topic of the log the offset behind the last record that this state has stepped over."""
    contact: Contact = msgspec.field(default_factory=Contact)
    arrivals: Cadence = msgspec.field(default_factory=Cadence)
    """When anything was heard of the patient, by `received_at_ms`."""
    watches: dict[Sign, SignWatch] = {}
    """Signs that were ever heard of, and whether the limits judge them."""
    irregular: Irregular = msgspec.field(default_factory=Irregular)
    batteries: Batteries = msgspec.field(default_factory=Batteries)
    clocks: Clocks = msgspec.field(default_factory=Clocks)
    shifts: dict[Sign, SignShift] = {}
    """Signs that have ever been away from what is usual."""
    refused_ids: list[str] = []
    assessed: Cadence = msgspec.field(default_factory=Cadence)
    assessment_ids: list[str] = []
    news2_points: dict[Sign, int] = {}
    """While a NEWS2 episode is open: the last known points per input, so that a vanished sign resolves nothing."""
    pews_points: dict[Sign, int] = {}
    """The same of a child's PEWS."""
    charted_ids: list[str] = []
    consciousness: list[StandingConsciousness] = []
    """As people charted it, in the order of observation; bounded (`alerts.charted`)."""
    machines: dict[AlertKind, Machine] = {}
    pending: list[Command] = []
    command_ids: list[str] = []
    closed_ids: list[str] = []
    left: Command | None = None
    """The discharge, once it was told: what was heard before it pages nobody any more."""
    ward_id: WardId | None = None
    """Where the patient lies, as far as the log has told; None until the registry was asked."""
    move: int = 0
    """Number of the move that led there."""
    is_unworn: bool = False
    """The patient wears no device, by order of a person: silence is no alert."""
    worn_change_ms: int = 0
    """When that last changed."""
    reconciled_ms: int = 0
    """Until when silences were let begin and end: of two topics one may be read ahead, and time does not run back."""

    def is_gone(self, heard_ms: int) -> bool:
        """Whether what was heard then is of somebody who had been discharged, or was just being."""
        return self.left is not None and heard_ms <= self.left.at_ms + GONE_MS

    def machine(self, kind: AlertKind) -> Machine:
        """The machine of `kind`, made on first use."""
        found = self.machines.get(kind)
        if found is None:
            found = self.machines[kind] = Machine()
        return found

    def is_new(self, reading: Reading) -> bool:
        """Whether this reading was not seen before; remembers it."""
        if reading.sequence is None or reading.boot is None:
            return remember_id(self.reading_ids, reading.reading_id)
        key = f"{reading.device_id}/{reading.boot}"
        sequences = self.seen.pop(key, None) or SeenSequences()
        self.seen[key] = sequences
        if len(self.seen) > BOOTS_MAX:
            del self.seen[next(iter(self.seen))]
        return sequences.add(reading.sequence, intervals_max=INTERVALS_MAX)

    def is_late(self, reading: Reading, *, live_age_ms_max: int) -> bool:
        """Whether the reading speaks of the past (`vitals.lateness`); otherwise it is the newest of its device."""
        device_newest_ms = self.device_newest_ms.pop(reading.device_id, None)
        at_ms = event_ms(reading)
        late = is_outdated(reading, live_age_ms_max=live_age_ms_max) or is_out_of_order(
            at_ms, device_newest_ms=device_newest_ms, patient_newest_ms=self.newest_ms
        )
        if not late:
            device_newest_ms = at_ms
            self.newest_ms = device_newest_ms if self.newest_ms is None else max(self.newest_ms, device_newest_ms)
        if device_newest_ms is not None:
            self.device_newest_ms[reading.device_id] = device_newest_ms
            if len(self.device_newest_ms) > BOOTS_MAX:
                del self.device_newest_ms[next(iter(self.device_newest_ms))]
        return late

    def lie(self, ward_id: WardId, move: int) -> None:
        """Lie on this ward from now on; unless a later move was told of before."""
        if self.ward_id is None or move >= self.move:
            self.ward_id, self.move = ward_id, max(move, self.move)

    def has_open_episode(self) -> bool:
        """Whether any episode is open."""
        return any(machine.episode is not None for machine in self.machines.values())


def remember_id(ids: list[str], new_id: str) -> bool:
    """Append to a bounded list of recent ids; False where it is already there."""
    if new_id in ids:
        return False
    ids.append(new_id)
    del ids[:-RECENT_IDS_MAX]
    return True
