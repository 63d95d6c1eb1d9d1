"""A month of one partition: the engine with crashes, beside itself reading in another order, beside the oracle; no service.

The engine's state goes through signed snapshots and back; after a crash the slice of the log behind the snapshot is read
again, its topics interleaved otherwise. Nurses answer what they are told, each for themselves.
"""

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from alerts.partition import PartitionAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.snapshot import WATCH_KEY, Rows, restore
from alerts.watchdog import ContactRule
from storage.signing import Signer
from storage.states import StateRow
from tests.support.month_checkers import TELLING, Book, Checker, Complaints
from tests.support.month_ladder import SimulatedLadders
from tests.support.month_oracle import Oracle
from tests.support.month_world import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    NURSES,
    START_MS,
    TICK_MS,
    Arrived,
    MonthPlan,
    Stay,
    World,
)
from vitals.alert import Action, AlertKind, Command, Priority, Reason, Suppression, Transition, TransitionKind
from vitals.assessment import Assessment, News2Summary
from vitals.news2 import score
from vitals.reading import PatientId, Reading, RefusedSigns, Tick, WardId

GROUP = "alerts"
ANSWERED = {Priority.HIGH: 0.9, Priority.MEDIUM: 0.7, Priority.LOW: 0.4}
"""How often anybody answers."""

LAG_MS_MAX = 5 * MINUTE_MS
"""How far one topic may be read ahead of the other: the watermark of what time does to alerts of the score."""

Logged = Arrived | Assessment


@dataclass
class MonthOutcome:
    """What one partition's month came to."""

    partition: int
    patients: int = 0
    records: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    replayed: int = 0
    """Records read again."""
    steps: Counter[str] = field(default_factory=Counter)
    raised: Counter[str] = field(default_factory=Counter)
    demands: Counter[str] = field(default_factory=Counter)
    ladder: Counter[str] = field(default_factory=Counter)
    """Steps of escalation, by number and evidence."""
    complaints: Counter[str] = field(default_factory=Counter)
    sentences: list[str] = field(default_factory=list)
    cpu_s: float = 0.0


class WorldPolicy(FixedPolicy):
    """The rules of each patient, and the silences of the world."""

    def __init__(self, world: World) -> None:
        # Ticks come a minute apart here: only a longer distance means that the watch was away.
        usual = AlertRules(contact=ContactRule(away_s=2.5 * TICK_MS / 1000))
        super().__init__(usual)
        self._own = {
            stay.patient_id: msgspec.structs.replace(usual, limits=stay.limits)
            for stay in world.stays
            if stay.limits is not usual.limits
        }
        self._usual = usual
        self._of_patient: dict[PatientId, list[int]] = {}
        self._silences = world.silences
        self._of_ward = [index for index, silence in enumerate(world.silences) if silence.patient_id is None]
        for index, silence in enumerate(world.silences):
            if silence.patient_id is not None:
                self._of_patient.setdefault(silence.patient_id, []).append(index)

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:
        """See `Policy`."""
        return self._own.get(patient_id, self._usual)

    def silence(
        self, patient_id: PatientId, ward_id: WardId, kind: AlertKind, priority: Priority, at_ms: int
    ) -> Suppression | None:
        """See `Policy`."""
        covering = [
            silence
            for index in (*self._of_patient.get(patient_id, ()), *self._of_ward)
            if (silence := self._silences[index]).covers(patient_id, ward_id, kind, priority, at_ms)
        ]
        if not covering:
            return None
        last = max(covering, key=lambda silence: silence.until_ms)
        return Suppression(Reason.SILENCED, last.from_ms, last.by, last.silence_id, last.until_ms)


class Ward:
    """The engine over one partition, and where patients lie as the register says so far."""

    def __init__(self, world: World, policy: WorldPolicy) -> None:
        self._places = {stay.patient_id: Place(stay.wards[0][1]) for stay in world.stays}
        self._policy = policy
        self.engine = self.fresh()

    def fresh(self) -> PartitionAlerts:
        """An engine that knows nothing."""
        return PartitionAlerts(self._policy, self._places.__getitem__, patients_max=10_000)

    def step(self, record: Logged) -> tuple[Transition, ...]:
        """What one record of the log brings about."""
        if isinstance(record, Tick):
            return self.engine.tick(record)
        if isinstance(record, Command) and record.action is Action.PATIENT_MOVED and record.ward_id is not None:
            self._places[record.patient_id] = Place(record.ward_id, record.move)
        return self.engine.step(record)


class SimulatedMonth:
    """One partition's month; `run` it once."""

    def __init__(
        self, plan: MonthPlan, partition: int, *, policy: Callable[[World], WorldPolicy] = WorldPolicy
    ) -> None:
        self._plan, self._number = plan, partition
        self._random = random.Random(f"{plan.seed}/{partition}/run")
        self.world = World(plan, partition)
        self._stays: Mapping[PatientId, Stay] = {stay.patient_id: stay for stay in self.world.stays}
        self._oracles = {stay.patient_id: Oracle(stay) for stay in self.world.stays}
        decided = policy(self.world)
        self._ward, self._twin = Ward(self.world, decided), Ward(self.world, decided)
        self._complaints = Complaints()
        self.book = Book(self._complaints)
        self._twins = Book(Complaints())
        self._checker = Checker(self.world, self._oracles, self.book, self._complaints)
        self._ladders = SimulatedLadders(self.book, self._complaints, seed=f"{plan.seed}/{partition}/ladders")
        self._orders: list[tuple[int, int, Command]] = []
        self._ordered = 0
        self._signer = Signer(b"month")
        self._rows: dict[str, StateRow] = {}
        self._since: list[Logged] = []
        """The log behind the last snapshot."""
        self._summaries: dict[tuple[float, ...], News2Summary] = {}
        self._outcome = MonthOutcome(partition, patients=len(self.world.stays))

    def run(self) -> MonthOutcome:
        """From an empty ward to the end of the month."""
        started_s = time.process_time()
        hourly: list[Logged] = []
        hour_end_ms = START_MS + HOUR_MS
        save_ms = crash_ms = START_MS
        crash_ms += self._until_crash_ms()
        for at_ms, record in self._log():
            if at_ms >= hour_end_ms:
                self._catch_up(hourly)
                self._checker.sweep(at_ms, self._stays)
                hourly, hour_end_ms = [], hour_end_ms + HOUR_MS
            for each in self._with_assessment(record):
                hourly.append(each)
                self._live(each, at_ms)
            if at_ms >= crash_ms:
                self._crash(at_ms)
                crash_ms = at_ms + self._until_crash_ms()
            if at_ms >= save_ms:
                self._save()
                save_ms = at_ms + self._random.randrange(MINUTE_MS, 90 * MINUTE_MS)
        self._catch_up(hourly)
        self._compare()
        return self._told(time.process_time() - started_s)

    def _log(self) -> Iterator[tuple[int, Arrived]]:
        """What arrives, and what the nurses order meanwhile, in the order of the log."""
        for day in range(-(-(self._plan.end_ms - START_MS) // DAY_MS)):
            for at_ms, record in self.world.day(day):
                while self._orders and self._orders[0][0] <= at_ms:
                    due_ms, _, command = heapq.heappop(self._orders)
                    yield due_ms, command
                yield at_ms, record

    def _with_assessment(self, record: Arrived) -> tuple[Logged, ...]:
        if not isinstance(record, Reading):
            return (record,)
        values = tuple(record.signs.values()) if len(record.signs) == 5 else (-1.0, *record.signs.values())
        summary = self._summaries.get(values)
        if summary is None:
            if len(self._summaries) > 50_000:
                self._summaries.clear()
            summary = self._summaries[values] = score(record.signs)
        assessment = Assessment(
            record.reading_id,
            record.patient_id,
            record.measured_at_ms,
            record.received_at_ms,
            summary,
            (),
            True,
            "none",
            late=record.received_at_ms - record.measured_at_ms > 5 * MINUTE_MS,
        )
        return record, assessment

    def _live(self, record: Logged, now_ms: int) -> None:
        self._outcome.records[type(record).__name__] += 1
        self._since.append(record)
        steps = self._ward.step(record)
        self._observe(record, now_ms)
        for step in steps:
            if self.book.take(step):
                self._checker.told(self._stays[step.patient_id], step, now_ms)
                self._answer(step, now_ms)
        self._demand(record, now_ms)

    def _observe(self, record: Logged, now_ms: int) -> None:
        """The oracle hears it before it is asked whether what was told has ground."""
        self._asked = []
        match record:
            case Reading():
                self._asked = list(self._oracles[record.patient_id].hear(record))
            case RefusedSigns():
                self._asked = list(self._oracles[record.patient_id].refuse(record))
            case Assessment():
                self._asked = list(self._oracles[record.patient_id].assess(record))
            case Command(action=Action.DEVICES_RELEASED | Action.DEVICE_ASSIGNED | Action.PATIENT_LEFT):
                self._oracles[record.patient_id].register(record)
            case _:
                pass

    def _demand(self, record: Logged, now_ms: int) -> None:
        if isinstance(record, Tick):
            self._ladders.look(now_ms)
            for patient_id, oracle in self._oracles.items():
                silent = oracle.silent(now_ms)
                if silent is not None:
                    self._checker.must(self._stays[patient_id], (silent,), now_ms)
        elif self._asked:
            self._checker.must(self._stays[record.patient_id], self._asked, now_ms)

    def _answer(self, step: Transition, now_ms: int) -> None:
        """What people do about a step they were told of."""
        draw = self._random
        if step.transition is TransitionKind.RESOLVED and step.kind is AlertKind.LOST_CONTACT:
            self._oracles[step.patient_id].dismissed |= step.by is not None
        if step.transition not in TELLING or step.suppression is not None or draw.random() > ANSWERED[step.priority]:
            return
        for nurse in draw.sample(NURSES, draw.choice((1, 1, 2))):
            action = Action.ACKNOWLEDGE
            if step.kind is AlertKind.LOST_CONTACT and draw.random() < 0.2:
                action = Action.RESOLVE
            at_ms = now_ms + round(20_000 * 120 ** draw.random())
            until_ms = at_ms + 10 * MINUTE_MS if draw.random() < 0.2 else None
            self._order(step, action, nurse, at_ms, until_ms)

    def _order(self, step: Transition, action: Action, nurse: str, at_ms: int, until_ms: int | None) -> None:
        command = Command(
            f"{step.transition_id}/{nurse}/{action.value}",
            step.patient_id,
            step.episode_id,
            action,
            nurse,
            at_ms,
            person_id=nurse.split(maxsplit=1)[0].lower(),
            until_ms=until_ms if action is Action.ACKNOWLEDGE else None,
        )
        again_ms = [at_ms, *([at_ms + 90_000] if self._random.random() < 0.1 else [])]
        for due_ms in again_ms:
            self._ordered += 1
            heapq.heappush(self._orders, (due_ms, self._ordered, command))

    def _until_crash_ms(self) -> int:
        return (
            round(self._random.expovariate(self._plan.crashes_per_day) * DAY_MS)
            if self._plan.crashes_per_day
            else 1 << 50
        )

    def _save(self) -> None:
        engine = self._ward.engine
        for row in Rows(GROUP, self._number, engine, self._signer).save(()):
            self._rows[row.key] = row
        engine.dirty.clear()
        self._since = []

    def _crash(self, now_ms: int) -> None:
        """Forget everything, go on from the snapshot, and read the log behind it again in another order."""
        restored = restore(GROUP, self._number, self._rows.values(), self._signer)
        if restored.refused:
            self._complaints.add("snapshot refused", f"{restored.refused}")
        self._ward.engine = self._ward.fresh()
        if WATCH_KEY in self._rows:
            self._ward.engine.watch = restored.watch
        self._ward.engine.restore(restored.states)
        self._outcome.crashes += 1
        self._outcome.replayed += len(self._since)
        for record in interleaved(self._since, self._random):
            for step in self._ward.step(record):
                if self.book.take(step):
                    self._outcome.steps[f"new after a crash: {step.transition.value}"] += 1
                    if step.transition in TELLING:
                        self._complaints.add("told only by the replay", f"{now_ms} {step}")

    def _catch_up(self, hourly: Sequence[Logged]) -> None:
        for record in interleaved(hourly, self._random):
            for step in self._twin.step(record):
                self._twins.take(step)

    def _compare(self) -> None:
        """The same episodes and onsets, whichever order readings and assessments were read in."""
        ours, theirs = self.book.raised, self._twins.raised
        for name in sorted(ours.keys() ^ theirs.keys()):
            side = "only in order" if name in ours else "only otherwise interleaved"
            self._complaints.add("raised by one order alone", f"{side}: {ours.get(name) or theirs[name]}")
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                self._complaints.add("another onset in another order", f"{ours[name]} and {theirs[name]}")
        for what, count in self._twins._complaints.counts.items():
            self._complaints.counts[f"{what} (otherwise interleaved)"] += count

    def _told(self, cpu_s: float) -> MonthOutcome:
        outcome = self._outcome
        outcome.cpu_s = cpu_s
        outcome.demands, outcome.ladder = self._checker.demands, self._ladders.counts
        outcome.complaints, outcome.sentences = self._complaints.counts, self._complaints.sentences
        for (kind, step), count in self.book.kinds.items():
            outcome.steps[step.value] += count
            if step is TransitionKind.RAISED:
                outcome.raised[kind.value] += count
        return outcome


def interleaved(records: Sequence[Logged], draw: random.Random) -> Iterator[Logged]:
    """The same topics, each in its own order, otherwise interleaved; what people order keeps its place among both.

    One topic is read ahead of the other by at most `LAG_MS_MAX`, as after an outage.
    """
    chunk: list[Logged] = []
    until_ms = 0
    for record in records:
        at_ms = record.at_ms if isinstance(record, Tick | Command) else record.received_at_ms
        if isinstance(record, Command) or at_ms >= until_ms:
            yield from _shuffled(chunk, draw)
            chunk, until_ms = [], at_ms + draw.randrange(1, LAG_MS_MAX)
        if isinstance(record, Command):
            yield record
        else:
            chunk.append(record)
    yield from _shuffled(chunk, draw)


def _shuffled(chunk: Sequence[Logged], draw: random.Random) -> list[Logged]:
    readings = [record for record in chunk if not isinstance(record, Assessment)]
    assessments = [record for record in chunk if isinstance(record, Assessment)]
    return [*readings, *assessments] if draw.random() < 0.5 else [*assessments, *readings]
