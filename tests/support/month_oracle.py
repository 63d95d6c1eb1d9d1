"""What docs/alerts.md promises of one patient, in simple words: which alert must stand now, which may, and which must not.

Written from the document and the world's plan, not from the engine: it knows each device's rhythm beforehand, where the
engine must learn it, and asks only for what the document leaves no doubt about.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.support.month_world import BURST_PAUSE_MS, INTERVAL_MS, MINUTE_MS, TICK_MS, Rhythm, Stay
from vitals.alert import Action, AlertKind, Command, Priority
from vitals.assessment import Assessment
from vitals.limits import LimitDepth, LimitRule, Side
from vitals.reading import Reading, RefusedSigns
from vitals.sign import Sign

RANKS = {Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2}
CLEAR_MS, SCORE_CLEAR_MS = 60_000, 300_000
MARGINS = {Sign.HEART_RATE: 3, Sign.RESPIRATORY_RATE: 1, Sign.SPO2: 1, Sign.TEMPERATURE: 0.2, Sign.SYSTOLIC: 3}
SCORE_LEVELS = (
    (AlertKind.NEWS2_SINGLE_RED, Priority.LOW, 300_000),
    (AlertKind.NEWS2_URGENT, Priority.MEDIUM, 120_000),
    (AlertKind.NEWS2_EMERGENCY, Priority.HIGH, 60_000),
)
SCORE_KINDS = frozenset(kind for kind, _, _ in SCORE_LEVELS)
LOST = {
    Sign.HEART_RATE: AlertKind.HEART_RATE_LOST,
    Sign.RESPIRATORY_RATE: AlertKind.RESPIRATORY_RATE_LOST,
    Sign.SPO2: AlertKind.SPO2_LOST,
}
LIVE_MS = 300_000
LOST_CONTACT_MS = {
    Rhythm.MINUTE: 180_000 + MINUTE_MS,
    Rhythm.FIVE: 15 * MINUTE_MS + 5 * MINUTE_MS,
    Rhythm.BURST: 3 * (BURST_PAUSE_MS + 40_000) + 15 * MINUTE_MS,
    Rhythm.SPOT: 8 * 60 * MINUTE_MS,
    Rhythm.MONITOR: 120_000,
}
"""After so long a silence, in a settled rhythm, contact is lost for certain; a little more than documented where one
reading that came late may have lengthened what is usual."""
SETTLED = 12
"""So many readings are needed to know a rhythm for certain."""


class Demand(NamedTuple):
    """An alert of one of these kinds, of at least this priority, must stand now."""

    kinds: frozenset[AlertKind]
    priority: Priority
    since_ms: int


class Ended(NamedTuple):
    """The condition of this kind is over for certain."""

    kind: AlertKind


@dataclass
class _Run:
    """A condition of one depth: since when without any doubt, and how much evidence there is at the very most."""

    since_ms: int | None = None
    credit_ms: int = -1
    """Time for it less time against it; -1: none."""

    def step(self, is_so: bool, at_ms: int, gap_ms: int | None, *, joined: bool) -> None:  # noqa: FBT001
        if is_so:
            self.since_ms = at_ms if self.since_ms is None or not joined else self.since_ms
            self.credit_ms = 0 if self.credit_ms < 0 or gap_ms is None else self.credit_ms + gap_ms
        else:
            self.since_ms = None
            self.credit_ms = -1 if gap_ms is None or self.credit_ms <= gap_ms else self.credit_ms - gap_ms


@dataclass
class Pulse:
    """How regularly a sign, or the score, is heard."""

    rhythm: Rhythm
    last_ms: int | None = None
    heard: int = 0
    odd: int = 0
    """A bit for each of the last gaps: whether it was not of the rhythm."""

    def step(self, at_ms: int) -> tuple[int | None, bool, bool]:
        """The gap, whether it joins what was to what is for certain, and whether the rhythm is known for certain."""
        last_ms, self.last_ms = self.last_ms, at_ms
        self.heard += 1
        if last_ms is None:
            return None, False, False
        gap_ms = at_ms - last_ms
        every_ms = INTERVAL_MS[self.rhythm]
        is_pause = self.rhythm is Rhythm.BURST and BURST_PAUSE_MS - 2000 <= gap_ms <= BURST_PAUSE_MS + 22_000
        is_regular = gap_ms <= 1.2 * every_ms or is_pause
        self.odd = (self.odd << 1 | (not is_regular)) & (0xFFFFFFFF if self.rhythm is Rhythm.BURST else 0x3F)
        needed = 8 * 10 if self.rhythm is Rhythm.BURST else SETTLED
        settled = self.heard >= needed and self.odd.bit_count() <= 1
        joined = gap_ms <= 15_000 or (settled and (gap_ms <= 2.2 * every_ms or is_pause))
        return gap_ms, joined, settled

    def is_spot(self, gap_ms: int | None, delay_ms: float) -> bool:
        """Whether one reading is enough for certain."""
        every_ms = INTERVAL_MS[self.rhythm]
        return gap_ms is not None and min(gap_ms, every_ms) > 1.02 * delay_ms and self.rhythm is not Rhythm.BURST


@dataclass
class _Limit:
    rule: LimitRule
    runs: list[_Run]
    back: _Run = field(default_factory=_Run)


@dataclass
class _SignWatch:
    pulse: Pulse
    limits: list[_Limit]
    quiet: bool = True
    """Nothing is beyond anything, and has not been for long: nothing to look at."""
    missed_since_ms: int | None = None
    missed: int = 0


class Oracle:
    """One patient's, asked record by record in the order of the log."""

    def __init__(self, stay: Stay) -> None:
        self.stay = stay
        self.heard_ms: int | None = None
        """When anything new was last heard of the patient."""
        self.dismissed = False
        """A person ended the alert of this silence."""
        self.unworn = False
        """Nothing is worn, or the patient has left: silence is no alert."""
        self._contact_heard = 0
        self._odd_contact = 0
        self._newest_ms = -1
        self._seen: dict[str, None] = {}
        self._watches = {sign: _SignWatch(Pulse(stay.rhythm), []) for sign in {rule.sign for rule in stay.limits}}
        for rule in stay.limits:
            limit = _Limit(rule, [_Run() for _ in rule.depths])
            self._watches[rule.sign].limits.append(limit)
        self._score = Pulse(stay.rhythm)
        self._score_newest_ms = -1
        self._assessed: dict[str, None] = {}
        self._levels = [_Run() for _ in SCORE_LEVELS]
        self._fallen = _Run()

    def hear(self, reading: Reading) -> Iterator[Demand | Ended]:
        """What must stand, and what is over, once this reading is known."""
        if not _is_new(self._seen, reading.reading_id):
            return
        self._contact(reading.received_at_ms)
        at_ms = reading.measured_at_ms
        if reading.received_at_ms - at_ms > LIVE_MS or at_ms < self._newest_ms:
            return
        self._newest_ms = at_ms
        for sign, value in reading.signs.items():
            watch = self._watches[sign]
            watch.missed_since_ms, watch.missed = None, 0
            yield from self._judge(watch, value, at_ms)

    def refuse(self, refused: RefusedSigns) -> Iterator[Demand]:
        """A sign was refused as impossible: after 30 s, and a few readings, that must stand as lost."""
        if not _is_new(self._seen, refused.reading_id + "/refused"):
            return
        if refused.received_at_ms - refused.measured_at_ms > LIVE_MS:
            return
        for sign in refused.signs:
            watch = self._watches[sign]
            at_ms = refused.received_at_ms
            if watch.missed_since_ms is None:
                watch.missed_since_ms = at_ms
            watch.missed += 1
            enough = 24 if self.stay.rhythm is Rhythm.BURST else 8
            if watch.missed >= enough and at_ms - watch.missed_since_ms >= 31_000 and watch.pulse.heard >= SETTLED:
                yield Demand(frozenset({LOST[sign]}), Priority.MEDIUM, watch.missed_since_ms)

    def assess(self, assessment: Assessment) -> Iterator[Demand | Ended]:
        """What must stand of NEWS2 once this assessment is known."""
        if not _is_new(self._assessed, assessment.reading_id):
            return
        at_ms = assessment.measured_at_ms
        if assessment.late or at_ms < self._score_newest_ms:
            return
        self._score_newest_ms = at_ms
        gap_ms, joined, settled = self._score.step(at_ms)
        summary = assessment.adult_news2
        reached = (summary.single_red, summary.low >= 5, summary.low >= 7)
        for index, ((_, priority, delay_ms), run) in enumerate(zip(SCORE_LEVELS, self._levels, strict=True)):
            run.step(reached[index], at_ms, gap_ms, joined=joined)
            if reached[index] and run.since_ms is not None:
                lasted = at_ms - run.since_ms >= delay_ms
                if lasted or (settled and self._score.is_spot(gap_ms, delay_ms)):
                    kinds = frozenset(kind for kind, _, _ in SCORE_LEVELS[index:])
                    yield Demand(kinds, priority, run.since_ms)
        well = summary.low == 0
        self._fallen.step(well, at_ms, gap_ms, joined=joined)
        if well and self._fallen.since_ms is not None and len(summary.points) == 5:
            lasted = at_ms - self._fallen.since_ms >= SCORE_CLEAR_MS
            if lasted or (settled and self._score.is_spot(gap_ms, SCORE_CLEAR_MS)):
                yield from (Ended(kind) for kind in SCORE_KINDS)

    @property
    def assessed_ms(self) -> int:
        """When what was assessed last was measured."""
        return self._score_newest_ms

    @property
    def score_is_falling(self) -> bool:
        """Whether no input scored 3 in the last assessment."""
        return self._levels[0].since_ms is None

    def silent(self, now_ms: int) -> Demand | None:
        """Whether contact is lost for certain by a tick at `now_ms`."""
        if self.heard_ms is None or self.dismissed or self.unworn:
            return None
        if self._contact_heard < SETTLED or self._odd_contact.bit_count() > 1:
            return None
        silent_ms = now_ms - self.heard_ms
        if silent_ms <= LOST_CONTACT_MS[self.stay.rhythm] + 2 * TICK_MS:
            return None
        return Demand(frozenset({AlertKind.LOST_CONTACT}), Priority.MEDIUM, self.heard_ms)

    def register(self, command: Command) -> None:
        """Devices were taken off or put on, or the patient has left."""
        if command.action is Action.DEVICE_ASSIGNED:
            self.unworn, self.dismissed, self.heard_ms = False, False, command.at_ms
            self._contact_heard = self._odd_contact = 0
        else:
            self.unworn = True

    def may_raise(self, kind: AlertKind, priority: Priority, now_ms: int) -> bool:
        """Whether there is any ground for an alert of this kind and priority now."""
        if kind is AlertKind.LOST_CONTACT:
            return self.heard_ms is not None and now_ms - self.heard_ms > 120_000 and not self.unworn
        if kind in SCORE_KINDS:
            level = next(index for index, (name, _, _) in enumerate(SCORE_LEVELS) if name is kind)
            return self._is_ground(self._levels[level], SCORE_LEVELS[level][2], self._score)
        for watch in self._watches.values():
            for limit in watch.limits:
                if limit.rule.kind is kind:
                    return any(
                        self._is_ground(run, depth.delay_s * 1000, watch.pulse)
                        for depth, run in zip(limit.rule.depths, limit.runs, strict=True)
                        if RANKS[depth.priority] >= RANKS[priority]
                    )
        return True

    def _is_ground(self, run: _Run, delay_ms: float, pulse: Pulse) -> bool:
        if run.credit_ms < 0:
            return False
        return run.credit_ms >= delay_ms or (INTERVAL_MS[pulse.rhythm] * 1.02 > delay_ms)

    def _contact(self, received_ms: int) -> None:
        if self.heard_ms is not None:
            gap_ms = received_ms - self.heard_ms
            every_ms = BURST_PAUSE_MS + 20_000 if self.stay.rhythm is Rhythm.BURST else INTERVAL_MS[self.stay.rhythm]
            mask = 0xFFFFFFFFFFFFFFFF if self.stay.rhythm is Rhythm.BURST else 0xFF
            self._odd_contact = (self._odd_contact << 1 | (gap_ms > 1.2 * every_ms + 2000)) & mask
        self.heard_ms = max(received_ms, self.heard_ms or 0)
        self._contact_heard += 1
        self.dismissed = False

    def _judge(self, watch: _SignWatch, value: float, at_ms: int) -> Iterator[Demand | Ended]:
        gap_ms, joined, settled = watch.pulse.step(at_ms)
        if watch.quiet and not any(limit.rule.is_beyond(value, limit.rule.depths[0].limit) for limit in watch.limits):
            return
        watch.quiet = True
        for limit in watch.limits:
            rule = limit.rule
            for depth, run in zip(rule.depths, limit.runs, strict=True):
                is_beyond = rule.is_beyond(value, depth.limit)
                run.step(is_beyond, at_ms, gap_ms, joined=joined)
                if is_beyond and run.since_ms is not None and self._is_due(watch, run, depth, at_ms, gap_ms, settled):
                    yield Demand(frozenset({rule.kind}), depth.priority, run.since_ms)
            first = rule.depths[0].limit
            margin = MARGINS[rule.sign]
            is_back = not rule.is_beyond(value, first + margin if rule.side is Side.LOW else first - margin)
            limit.back.step(is_back, at_ms, gap_ms, joined=joined)
            since_ms = limit.back.since_ms
            clear_ms = CLEAR_MS if rule.clear_s is None else rule.clear_s * 1000
            over = since_ms is not None and at_ms - since_ms >= clear_ms
            if is_back and (over or (settled and watch.pulse.is_spot(gap_ms, clear_ms))):
                yield Ended(rule.kind)
            long_over = since_ms is not None and at_ms - since_ms >= 5 * clear_ms
            if not long_over or any(run.credit_ms >= 0 for run in limit.runs):
                watch.quiet = False

    def _is_due(
        self,
        watch: _SignWatch,
        run: _Run,
        depth: LimitDepth,
        at_ms: int,
        gap_ms: int | None,
        settled: bool,  # noqa: FBT001
    ) -> bool:
        delay_ms = depth.delay_s * 1000
        if run.since_ms is not None and at_ms - run.since_ms >= delay_ms:
            return True
        return settled and watch.pulse.is_spot(gap_ms, delay_ms)


_SEEN_MAX = 4000


def _is_new(seen: dict[str, None], name: str) -> bool:
    if name in seen:
        return False
    seen[name] = None
    if len(seen) > _SEEN_MAX:
        del seen[next(iter(seen))]
    return True
