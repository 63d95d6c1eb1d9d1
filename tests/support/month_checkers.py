"""Watches what a simulated month tells, step by step: one open episode per patient and kind, everything due told or owned up to."""

from collections import Counter
from collections.abc import Iterable, Mapping

from alerts.rules import AlertRules
from alerts.suppression import LIMIT_KINDS
from tests.support.month_oracle import RANKS, SCORE_KINDS, Demand, Ended, Oracle
from tests.support.month_world import MINUTE_MS, TICK_MS, Stay, World
from vitals.alert import AlertKind, Priority, Reason, Suppression, Transition, TransitionKind, order_of
from vitals.reading import PatientId

TELLING = frozenset(
    {TransitionKind.RAISED, TransitionKind.ESCALATED, TransitionKind.REALARMED, TransitionKind.UNSUPPRESSED}
)
GRACE_MS = 3 * TICK_MS
EASED_MS = round(AlertRules().life.of(Priority.MEDIUM).acknowledged_s * 1000)
"""What time decides shows by a tick."""
MEDIUM_LATCHED_MS = 30 * MINUTE_MS
TECHNICAL = frozenset(
    {
        AlertKind.LOST_CONTACT,
        AlertKind.HEART_RATE_LOST,
        AlertKind.RESPIRATORY_RATE_LOST,
        AlertKind.SPO2_LOST,
        AlertKind.TEMPERATURE_LOST,
        AlertKind.SYSTOLIC_LOST,
    }
)
SENTENCES_MAX = 40

Key = tuple[PatientId, AlertKind]


class Complaints:
    """What was wrong, counted, with the first sentences kept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sentences: list[str] = []

    def add(self, what: str, of: str) -> None:
        """One more; `what` is of few kinds."""
        self.counts[what] += 1
        if self.counts[what] <= 4 and len(self.sentences) < SENTENCES_MAX:
            self.sentences.append(f"{what}: {of}")


class Book:
    """What whoever reads topic `alerts` knows: the latest step of each episode, in whatever order and however often steps come."""

    def __init__(self, complaints: Complaints) -> None:
        self._complaints = complaints
        self.latest: dict[str, Transition] = {}
        self.open: dict[Key, set[str]] = {}
        self.raised: dict[str, tuple[PatientId, AlertKind, int]] = {}
        """Patient, kind and onset of each episode."""
        self.told: set[str] = set()
        """Episodes that somebody was told of."""
        self.known: dict[str, Transition] = {}
        """Steps by id."""
        self.kinds: Counter[tuple[AlertKind, TransitionKind]] = Counter()
        self.steps: dict[str, list[Transition]] = {}
        """All steps of each open episode."""

    def take(self, step: Transition) -> bool:
        """Keep a step; whether it is new."""
        before = self.known.get(step.transition_id)
        if before is not None:
            if (before.episode_id, before.kind, before.transition, before.onset_ms) != (
                step.episode_id,
                step.kind,
                step.transition,
                step.onset_ms,
            ):
                self._complaints.add("one id, two steps", f"{before} and {step}")
            return False
        self.known[step.transition_id] = step
        self.kinds[step.kind, step.transition] += 1
        self.steps.setdefault(step.episode_id, []).append(step)
        if step.transition is TransitionKind.RAISED:
            self.raised[step.episode_id] = (step.patient_id, step.kind, step.onset_ms)
        if step.transition in TELLING and step.suppression is None:
            self.told.add(step.episode_id)
        latest = self.latest.get(step.episode_id)
        if latest is None or order_of(step) > order_of(latest):
            self._keep(step, latest)
        return True

    def standing(self, patient_id: PatientId, kind: AlertKind) -> Transition | None:
        """The open episode of a kind."""
        ids = self.open.get((patient_id, kind))
        return self.latest[next(iter(ids))] if ids else None

    def all_open(self) -> list[Transition]:
        """Every open episode."""
        return [self.latest[name] for names in self.open.values() for name in names]

    def _keep(self, step: Transition, latest: Transition | None) -> None:
        if latest is not None and RANKS[step.priority] < RANKS[latest.priority]:
            self._complaints.add("priority fell", f"{latest} then {step}")
        self.latest[step.episode_id] = step
        key = (step.patient_id, step.kind)
        ids = self.open.setdefault(key, set())
        if step.is_open:
            ids.add(step.episode_id)
            if len(ids) > 1:
                self._complaints.add("two open episodes", f"{key}: {sorted(ids)} by {step.transition} at {step.at_ms}")
        else:
            ids.discard(step.episode_id)
            self.steps.pop(step.episode_id, None)


class Checker:
    """Holds a book against the oracle and the world."""

    def __init__(self, world: World, oracles: Mapping[PatientId, Oracle], book: Book, complaints: Complaints) -> None:
        self._world = world
        self._oracles = oracles
        self._book = book
        self._complaints = complaints
        self.demands: Counter[str] = Counter()
        """How often what was asked for, and how it was met."""

    def must(self, stay: Stay, asked: Iterable[Demand | Ended], now_ms: int) -> None:
        """Everything the oracle asks for stands, and was told, or says who keeps it quiet."""
        for each in asked:
            if isinstance(each, Ended):
                self._must_be_over(stay, each, now_ms)
            else:
                self._must_stand(stay, each, now_ms)

    def told(self, stay: Stay, step: Transition, now_ms: int) -> None:
        """A new step says nothing that has no ground."""
        if step.suppression is not None and step.transition in (TELLING | {TransitionKind.SUPPRESSED}):
            self._owned_up_to(stay, step, step.suppression, now_ms)
        if step.transition in {TransitionKind.RAISED, TransitionKind.ESCALATED}:
            oracle = self._oracles[stay.patient_id]
            if not oracle.may_raise(step.kind, step.priority, now_ms):
                self._complaints.add("told without ground", f"{step}")

    def sweep(self, now_ms: int, stays: Mapping[PatientId, Stay]) -> None:
        """What must hold of everything open at any time."""
        for step in self._book.all_open():
            stay = stays[step.patient_id]
            if now_ms >= stay.until_ms + GRACE_MS:
                self._complaints.add("open after discharge", f"{step}")
            if step.ward_id != stay.ward_at(now_ms - GRACE_MS) and step.ward_id != stay.ward_at(now_ms):
                self._complaints.add("open on another ward", f"{step}")
            self._sweep_hand(step, now_ms)
            if step.latched:
                self._sweep_latched(step, now_ms)
            if step.suppression is not None and (step.active or step.priority is Priority.HIGH):
                self._owned_up_to(stay, step, step.suppression, now_ms - GRACE_MS, by_now_ms=now_ms)

    def _sweep_hand(self, step: Transition, now_ms: int) -> None:
        if not step.active or not step.acknowledgements or step.suppression is not None:
            return
        until_ms = max(given.until_ms for given in step.acknowledgements)
        if step.priority is Priority.HIGH and step.kind in LIMIT_KINDS:
            # Once its sign has eased, it is in hand for as long as one of medium priority.
            until_ms = max(until_ms, *(given.at_ms + EASED_MS for given in step.acknowledgements))
        if until_ms < now_ms - GRACE_MS:
            self._complaints.add("acknowledgement ran out in silence", f"{step}")

    def _sweep_latched(self, step: Transition, now_ms: int) -> None:
        lasted_ms = now_ms - (step.heard_ms or step.at_ms)
        if step.priority is Priority.LOW or step.kind in TECHNICAL:
            self._complaints.add("latched and must not", f"{step}")
        elif step.priority is Priority.MEDIUM and lasted_ms > MEDIUM_LATCHED_MS + GRACE_MS:
            if (
                step.kind in SCORE_KINDS
                and self._oracles[step.patient_id].assessed_ms < now_ms - lasted_ms + MEDIUM_LATCHED_MS
            ):
                return  # a score's status lapses with the next assessment
            self._complaints.add("latched too long", f"{step}")

    def _must_stand(self, stay: Stay, demand: Demand, now_ms: int) -> None:
        standing = [
            step
            for kind in demand.kinds
            if (step := self._book.standing(stay.patient_id, kind)) is not None
            and RANKS[step.priority] >= RANKS[demand.priority]
        ]
        names = "/".join(sorted(kind.value for kind in demand.kinds))
        if not any(step.active for step in standing):
            self.demands["missed"] += 1
            there = [(step.kind.value, step.priority.value, step.active) for step in standing]
            self._complaints.add(
                "not alarmed when due",
                f"{stay.patient_id} ({stay.rhythm.name}) {names} {demand.priority} since {demand.since_ms}, at {now_ms},"
                f" there: {there or self._book.standing(stay.patient_id, next(iter(demand.kinds)))}",
            )
            return
        for step in standing:
            if step.suppression is not None:
                self.demands[f"kept quiet: {step.suppression.reason.value}"] += 1
            elif step.episode_id in self._book.told:
                self.demands["told"] += 1
            else:
                self._complaints.add("stands and nobody was told", f"{step}")

    def _must_be_over(self, stay: Stay, ended: Ended, now_ms: int) -> None:
        step = self._book.standing(stay.patient_id, ended.kind)
        if step is not None and step.active:
            self._complaints.add("still active though over", f"{now_ms} {stay.rhythm.name} {step}")

    def _owned_up_to(
        self, stay: Stay, step: Transition, suppression: Suppression, at_ms: int, *, by_now_ms: int | None = None
    ) -> None:
        """Whoever keeps an alert quiet is named, and did."""
        if suppression.reason is Reason.SILENCED:
            around = {at_ms, step.heard_ms or at_ms, *(() if by_now_ms is None else (by_now_ms,))}
            if not any(
                silence.by == suppression.by and silence.covers(stay.patient_id, ward, step.kind, step.priority, moment)
                for silence in self._world.silences
                if silence.silence_id == suppression.silence_id
                for moment in around
                for ward in {step.ward_id, stay.ward_at(moment)}
            ):
                self._complaints.add("silenced by nobody", f"{at_ms} {step}")
            return
        if suppression.reason not in {Reason.INHIBITED, Reason.ABSORBED} or suppression.kind is None:
            self._complaints.add("suppressed without a word", f"{step}")
            return
        other = self._book.standing(stay.patient_id, suppression.kind)
        if step.kind in SCORE_KINDS and self._oracles[stay.patient_id].score_is_falling:
            return  # what said the same is over, and so will this be
        if other is None or RANKS[other.priority] < RANKS[step.priority]:
            self._complaints.add("inhibited by nothing as grave", f"{at_ms} {step} by {other}")
