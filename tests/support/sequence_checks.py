"""What an alert engine never does, whatever the sequence of events; checked after every record of a random one."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

import msgspec

from alerts.ageing import ASSESSED_KINDS
from alerts.casebook import Outcome
from alerts.engine import PatientAlerts, Record
from alerts.episode import RANK
from alerts.life import TECHNICAL_KINDS
from alerts.place import Place
from alerts.policy import Policy
from alerts.state import PatientState
from alerts.suppression import SCORE_AWAITED_MS, is_observed
from tests.support.alert_timetable import PATIENT, WARD
from tests.support.sequence_world import CRISIS_SPO2, SequenceWorld
from tests.support.timed_policy import FOR_EVER_MS, TimedPolicy
from vitals.alert import AlertKind, Command, Priority, Reason, Suppression, Transition, TransitionKind, order_of
from vitals.assessment import Assessment
from vitals.reading import Reading, RefusedSigns, Tick, Withdrawn
from vitals.sign import Sign

TELLING: Final = frozenset({TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED})
ENDS: Final = frozenset({TransitionKind.RESOLVED, TransitionKind.RETRACTED})
QUIET: Final = frozenset({Reason.SILENCED, Reason.INHIBITED, Reason.ABSORBED})
HIGH_SILENCED_S: Final = 1800
MEDIUM_IN_HAND_MS: Final = 3_600_000


class Watchman:
    """Holds every step against the invariants; an AssertionError names the one that broke."""

    def __init__(self, policy: TimedPolicy) -> None:
        self.told: list[Transition] = []
        self._policy = policy
        self._open: dict[AlertKind, str] = {}
        self._last: dict[str, Transition] = {}
        self._worse_ms: dict[str, int] = {}
        self._ids: dict[str, Transition] = {}

    def check(self, record: Record, steps: Sequence[Transition], engine: PatientAlerts) -> None:
        """After `engine` has stepped `record` and said `steps`."""
        for step in steps:
            self._check_life(step)
            self._check_hands(step, record)
            self._check_quiet(step)
            assert self._ids.setdefault(step.transition_id, step) == step, "an id repeats with other content"
            self._last[step.episode_id] = step
        self.told += steps
        self._check_standing(engine)
        if isinstance(record, Tick):
            self._check_time(record, engine)
        if isinstance(record, Reading):
            self._check_crisis(record, engine)

    def _check_life(self, step: Transition) -> None:
        before = self._last.get(step.episode_id)
        assert step.is_open is (step.transition not in ENDS), "open is what has not ended"
        assert not (step.active and step.latched), "active or latched"
        if step.transition is TransitionKind.RAISED:
            assert before is None, "raised twice"
            assert step.kind not in self._open, "a second open episode of a kind"
            self._open[step.kind] = step.episode_id
            return
        assert before is not None, "no beginning"
        assert before.is_open, "a step after the end"
        assert order_of(step) > order_of(before), "no step may fall behind the one before"
        assert RANK[step.priority] >= RANK[before.priority], "a priority fell"
        assert step.onset_ms == before.onset_ms, "an onset moved"
        if step.transition is TransitionKind.LATCHED:
            assert before.active, "latched twice"
            assert not before.acknowledged, "somebody had seen it"
            assert step.kind not in TECHNICAL_KINDS, "equipment does not latch"
            assert step.priority is not Priority.LOW, "low does not latch"
        if not step.is_open:
            assert self._open.pop(step.kind) == step.episode_id
            must_latch = before.active and not before.acknowledged and step.priority is Priority.HIGH
            if must_latch and step.reason in (Reason.BACK_WITHIN_LIMIT, Reason.SCORE_FELL, Reason.RULES_CHANGED):
                assert step.kind in TECHNICAL_KINDS, "something high ended unseen"

    def _check_hands(self, step: Transition, record: Record) -> None:
        is_worse = step.transition in TELLING and step.reason is not Reason.ACKNOWLEDGEMENT_EXPIRED
        if is_worse:
            assert step.heard_ms is not None
            self._worse_ms[step.episode_id] = max(self._worse_ms.get(step.episode_id, 0), step.heard_ms)
        assert step.acknowledged is bool(step.acknowledgements)
        people = [held.person_id for held in step.acknowledgements]
        assert len(set(people)) == len(people), "one acknowledgement for each person"
        if step.transition in ENDS:
            return
        for held in step.acknowledgements:
            assert held.at_ms >= self._worse_ms[step.episode_id], "it covers what was heard after it"
            assert held.at_ms < held.until_ms <= held.at_ms + 86_400_000, "every acknowledgement runs out"
        if step.transition is TransitionKind.ACKNOWLEDGED:
            assert isinstance(record, Command)
            assert record.episode_id == step.episode_id, "it covers another episode"

    def _check_quiet(self, step: Transition) -> None:
        quiet = step.suppression
        if quiet is not None:
            assert quiet.reason in QUIET
            named = quiet.by and quiet.silence_id if quiet.reason is Reason.SILENCED else quiet.kind
            assert named, "nobody answers for it"
            if step.priority is Priority.HIGH:
                assert quiet.reason is Reason.SILENCED, "something high is kept quiet by no person"
        if step.transition in TELLING:
            assert step.heard_ms is not None
            self._check_silence(step.kind, step.priority, quiet, step.heard_ms)
        if step.transition is TransitionKind.UNSUPPRESSED:
            assert quiet is None
        assert (step.transition is not TransitionKind.SUPPRESSED) or quiet is not None

    def _check_silence(self, kind: AlertKind, priority: Priority, quiet: Suppression | None, at_ms: int) -> None:
        """Silenced exactly where a silence covers it."""
        covering = self._policy.silence(PATIENT, WARD, kind, priority, at_ms)
        if covering is not None and priority is Priority.HIGH:
            ends_ms = min(covering.since_ms + HIGH_SILENCED_S * 1000, covering.until_ms or FOR_EVER_MS)
            covering = covering if at_ms < ends_ms else None
        is_silenced = quiet is not None and quiet.reason is Reason.SILENCED
        assert is_silenced is (covering is not None), "silenced by nobody, or told under a silence"

    def _check_standing(self, engine: PatientAlerts) -> None:
        """What the engine holds open is what it last said of it."""
        held = {kind: machine.episode for kind, machine in engine.state.machines.items() if machine.episode is not None}
        assert {kind: episode.episode_id for kind, episode in held.items()} == self._open
        for episode in held.values():
            said = self._last[episode.episode_id]
            assert (episode.active, episode.latched, episode.priority) == (said.active, said.latched, said.priority)
            assert (episode.acknowledgements, episode.suppression) == (said.acknowledgements, said.suppression)
            assert (episode.round, episode.ward_id) == (said.round, said.ward_id)

    def _check_time(self, tick: Tick, engine: PatientAlerts) -> None:
        """After a tick nothing has run out unnoticed, and every silence has begun or ended that should."""
        standing = [self._last[episode_id] for episode_id in self._open.values()]
        lost = any(said.kind is AlertKind.LOST_CONTACT and said.suppression is None for said in standing)
        for said in standing:
            if said.active and said.acknowledgements:
                # What was high and holds at no high depth now is in hand for as long as what is medium.
                eased_ms = 0 if engine.state.machines[said.kind].holds is Priority.HIGH else MEDIUM_IN_HAND_MS
                ends_ms = max(max(held.until_ms, held.at_ms + eased_ms) for held in said.acknowledgements)
                # A score that is still awaited may yet say that it was over before.
                awaited_ms = SCORE_AWAITED_MS if said.kind in ASSESSED_KINDS else 0
                assert ends_ms + awaited_ms > tick.at_ms, "ran out, and not told anew"
            if said.active or said.priority is Priority.HIGH:
                self._check_silence(said.kind, said.priority, said.suppression, tick.at_ms)
            episode = engine.state.machines[said.kind].episode
            assert episode is not None
            by_devices = said.kind not in TECHNICAL_KINDS and not is_observed(said.kind, episode.device_id)
            if lost and said.active and said.priority is not Priority.HIGH and by_devices:
                assert said.suppression is not None, "lost contact inhibits what it makes meaningless"

    def _check_crisis(self, reading: Reading, engine: PatientAlerts) -> None:
        """A high condition that holds is open and, unless a person silenced it, told; of who was not just discharged."""
        is_live = engine.outcome is Outcome.STEPPED and reading.charted is None and reading.correction_id is None
        is_gone = engine.state.is_gone(reading.received_at_ms)
        if not is_live or is_gone or reading.signs.get(Sign.SPO2) != CRISIS_SPO2:
            return
        assert AlertKind.SPO2_LOW in self._open, "a crisis without an alert"
        said = self._last[self._open[AlertKind.SPO2_LOW]]
        assert (said.active, said.priority) == (True, Priority.HIGH)
        assert said.suppression is None or said.suppression.reason is Reason.SILENCED


def checked(seed: str) -> tuple[list[Record], list[Transition]]:
    """Draw the sequence of a seed and check it all; the sequence, and what was said. An AssertionError says what broke."""
    world = SequenceWorld(seed)
    watchman = Watchman(world.policy)
    engine = _fresh(world.policy)

    def step(record: Record) -> None:
        watchman.check(record, engine.step(record), engine)

    world.draw(engine, step)
    _check_restores(world, watchman.told, world.random)
    _check_interleaving(world, world.random)
    return world.records, watchman.told


def _check_restores(world: SequenceWorld, told: Sequence[Transition], random: Random) -> None:
    """Stored and restored anywhere, the engine says the same to the last field."""
    cuts = {random.randrange(len(world.records)) for _ in range(3)}
    engine, again = _fresh(world.policy), list[Transition]()
    for index, record in enumerate(world.records):
        if index in cuts:
            blob = msgspec.json.encode(engine.state)
            engine = _fresh(world.policy, msgspec.json.decode(blob, type=PatientState))
        again += engine.step(record)
    assert again == list(told), "a restart changed something"


def _check_interleaving(world: SequenceWorld, random: Random) -> None:
    """However readings and assessments interleave, the same episodes are raised with the same onsets.

    Without orders and corrections: when they come does matter.
    """
    records = [record for record in world.records if not isinstance(record, Command | Withdrawn)]
    readings = [record for record in records if isinstance(record, Reading | RefusedSigns | Tick)]
    scores = [record for record in records if isinstance(record, Assessment)]
    merged, lanes = list[Record](), [list[Record](reversed(readings)), list[Record](reversed(scores))]
    while lanes := [lane for lane in lanes if lane]:
        lane = random.choice(lanes)
        for _ in range(min(random.randint(1, 30), len(lane))):
            merged.append(lane.pop())
    in_order = [record for record in records if isinstance(record, Reading | RefusedSigns | Tick | Assessment)]
    assert _raises(world.policy, merged) == _raises(world.policy, in_order), (
        "the topics' order decided what is an alert"
    )


def _raises(policy: Policy, records: Iterable[Record]) -> set[tuple[str, AlertKind, int]]:
    engine = _fresh(policy)
    return {
        (step.episode_id, step.kind, step.onset_ms)
        for record in records
        for step in engine.step(record)
        if step.transition is TransitionKind.RAISED
    }


def _fresh(policy: Policy, state: PatientState | None = None) -> PatientAlerts:
    return PatientAlerts(state or PatientState(PATIENT), policy, lambda _: Place(WARD))
