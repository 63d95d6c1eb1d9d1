"""What a device keeps until it is receipted, and in which order it sends: pure, given the time.

Everything unreceipted is sent in sequence order. After `rewind` (a new connection, or a receipt overdue) all of it is
sent again, oldest first, before anything new. At most `in_flight_max` readings are sent and unreceipted at a time, and
after a rewind only one, the probe, until a receipt shows that somebody listens: a broker that has just restarted takes
and drops what nobody has subscribed to yet, and a later reading must not overtake an earlier one that was dropped so.
"""

from collections import deque
from collections.abc import Iterator

from vitals.sequences import SeenSequences

INTERVALS_MAX = 1_000_000
"""Gaps the record of receipts holds exactly; a device of ours lives for fewer readings than that many gaps need."""
_PATIENCE_DOUBLINGS_MAX = 4


class _Kept:
    """One reading that is not receipted."""

    __slots__ = ("payload", "sent_s", "sequence")

    def __init__(self, sequence: int, payload: bytes) -> None:
        self.sequence = sequence
        self.payload = payload
        self.sent_s: float | None = None


class Outbox:
    """The memory of one boot of one device; mutable.

    Holds at most `readings_max`: when full, the oldest unreceipted reading is lost, and `lost_on_device` says so.
    """

    def __init__(
        self, *, readings_max: int, in_flight_max: int, receipt_timeout_s: float, probe_timeout_s: float
    ) -> None:
        self._readings_max = readings_max
        self._in_flight_max = in_flight_max
        self._receipt_timeout_s = receipt_timeout_s
        self._probe_timeout_s = probe_timeout_s
        self._probing = True
        """Nothing that was sent since the last rewind is receipted; a late receipt for something else proves nothing."""
        self._slots: deque[_Kept | None] = deque()
        """Index is sequence minus `_base`; None where it is receipted."""
        self._base = 0
        self._cursor = 0
        """Sequence to look at next when sending."""
        self._in_flight = 0
        self._kept = 0
        self._overdue_in_a_row = 0
        self.next_sequence = 0
        """The sequence of the next reading to add."""
        self.published = SeenSequences()
        """Sequences handed to the network at least once."""
        self.receipted = SeenSequences()
        """Sequences receipted as safe in the log."""
        self.refused = SeenSequences()
        """Sequences receipted as rejected."""
        self.redelivered = 0
        """How often a reading was sent again."""
        self.lost_on_device = 0

    @property
    def unreceipted(self) -> int:
        """Readings kept."""
        return self._kept

    @property
    def has_work(self) -> bool:
        """Whether something may be sent now."""
        window = 1 if self._probing else self._in_flight_max
        return self._cursor < self.next_sequence and self._in_flight < window

    def add(self, payload: bytes) -> int:
        """Keep the reading that carries `next_sequence`; its sequence."""
        if self._kept >= self._readings_max:
            self._lose_oldest()
        sequence = self.next_sequence
        self.next_sequence += 1
        self._slots.append(_Kept(sequence, payload))
        self._kept += 1
        return sequence

    def take(self, readings_max: int, now_s: float) -> Iterator[bytes]:
        """Payloads to send now, in sequence order, at most `readings_max`; each counts as sent once it is given out."""
        while readings_max > 0 and self.has_work:
            kept = self._slots[self._cursor - self._base]
            self._cursor += 1
            if kept is None:
                continue
            self._in_flight += 1
            readings_max -= 1
            kept.sent_s = now_s
            if not self.published.add(kept.sequence, intervals_max=INTERVALS_MAX):
                self.redelivered += 1
            yield kept.payload

    def receive(self, *, from_sequence: int, through_sequence: int, refused: bool = False) -> int:
        """A receipt for exactly this run: let go of what was sent of it, and of nothing else; how many that were."""
        first = max(from_sequence, self._base)
        last = min(through_sequence, self.next_sequence - 1)
        record = self.refused if refused else self.receipted
        released = 0
        for sequence in range(first, last + 1):
            kept = self._slots[sequence - self._base]
            if kept is None or kept.sent_s is None:
                continue
            self._slots[sequence - self._base] = None
            if sequence < self._cursor:
                self._in_flight -= 1
                self._probing = False
            record.add(sequence, intervals_max=INTERVALS_MAX)
            released += 1
        if released:
            self._kept -= released
            self._overdue_in_a_row = 0
            self._forget_front()
        return released

    def rewind(self) -> None:
        """Send everything unreceipted again, oldest first, before anything new; a probe first."""
        self._cursor = self._base
        self._in_flight = 0
        self._probing = True
        self._overdue_in_a_row = 0

    def rewind_if_overdue(self, now_s: float) -> bool:
        """Rewind where the oldest sent reading waits longer than the timeout; between probes patience doubles, up to 16-fold."""
        oldest = self._slots[0] if self._slots else None
        if oldest is None or oldest.sent_s is None or not self._in_flight:
            return False
        timeout_s = self._probe_timeout_s if self._probing else self._receipt_timeout_s
        if now_s - oldest.sent_s < timeout_s * 2**self._overdue_in_a_row:
            return False
        overdue = self._overdue_in_a_row + 1 if self._probing else 0
        self.rewind()
        self._overdue_in_a_row = min(overdue, _PATIENCE_DOUBLINGS_MAX)
        return True

    def _lose_oldest(self) -> None:
        oldest = self._slots[0]
        if oldest is not None:
            self._in_flight -= oldest.sequence < self._cursor
            self._slots[0] = None
            self._kept -= 1
            self.lost_on_device += 1
        self._forget_front()

    def _forget_front(self) -> None:
        slots = self._slots
        while slots and slots[0] is None:
            slots.popleft()
            self._base += 1
        self._cursor = max(self._cursor, self._base)
