"""Escalation at work: each second it looks at open alerts, and takes the steps that are due, each once.

SQL is the source: what is decided is decided on the newest state that the database holds. A step is its row in
`ladder_steps`; its deliveries are put into the outbox in the same transaction, so a process that dies has taken the step
wholly or not at all, and whoever comes next takes what is missing. The log tells only that there is news.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

import structlog

from alerts.ladder import Step, advance
from alerts.ladder_settings import LadderSettings
from runtime.blocking import Door
from runtime.bus import Bus, Incoming, Outgoing, Positions, TopicPartition, partition_of
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import escalation
from storage.claims import Claims, check_epochs, claim, remember_positions
from storage.contacts import phone_book
from storage.escalation import OpenEpisode, StepRow
from storage.ladders import LadderBook, StoredLadder, ladder_book
from storage.session import Connection, Database, in_snapshot
from vitals import codec
from vitals.alert import Transition, TransitionKind, order_of
from vitals.errors import Fenced, MalformedRecord, Unavailable
from vitals.escalation import Case, Due, Over, Round, next_step, round_of, rung
from vitals.ladder import LadderStep
from vitals.phone_book import Answer, PhoneBook
from vitals.topics import LogTopic

log = structlog.get_logger()

ItemT = TypeVar("ItemT", OpenEpisode, Transition, str)
"""What names an episode, or is its id."""
ResultT = TypeVar("ResultT")

GROUP: Final = "alert-ladders"
TOPICS: Final = (LogTopic.ALERTS.value,)


@dataclass(frozen=True)
class Paging:
    """One step, the alert it is about, and the ladder it belongs to."""

    round: Round
    step: Step
    stored: StoredLadder


Enqueue = Callable[[Connection, Paging, int], None]
"""Puts the deliveries of a step into the outbox, in the caller's transaction; the number is the present, in ms."""
Follow = Callable[[Connection, Sequence[Transition], int], int]
"""Tells whoever was told what became of these alerts, likewise; how many deliveries were new. Repeating it adds none."""
_HEARD_MAX: Final = 10_000
"""Ends of alerts kept until the database has them, too."""


class LadderHandler:
    """The worker's handler (`runtime.worker.Handler`): steps of the alerts of the partitions that it has claimed."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: LadderSettings,
        enqueue: Enqueue,
        follow: Follow,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._bus = bus
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._enqueue = enqueue
        self._follow = follow
        self._wake = wake
        """Called after each commit that put something into the outbox."""
        self._heard: dict[str, Transition] = {}
        """What the log says of alerts that are over or in hand, which the database may not say yet."""
        self._epochs: dict[int, int] = {}
        self._remembered: dict[TopicPartition, int] = {}
        self._rounds: dict[str, tuple[str, Round | Over]] = {}
        """Of each open episode its last transition's id as last seen, and the round that it is in."""
        self._looked_s = float("-inf")
        self._has_failed = False
        """Something failed in a way that nobody foresaw, since the last look began."""
        telemetry.not_ready(GROUP, "has not looked at the open alerts yet")

    async def claim(self, partitions: frozenset[int]) -> Positions:
        """See `runtime.worker.Handler`; positions that the log no longer holds move to its beginning: SQL says the rest."""
        claims = await self._door.run(self._claim, partitions)
        beginnings = await self._bus.beginnings(TOPICS)
        self._epochs, self._remembered = claims.epochs, dict(claims.positions)
        self._rounds, self._heard, self._looked_s = {}, {}, float("-inf")
        if not partitions:
            self._telemetry.ready(GROUP)
        return {at: max(position, beginnings.get(at, 0)) for at, position in claims.positions.items()}

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        over = [step for record in records if (step := self._decoded(record)) is not None and _calms(step)]
        if over:
            await self._tell_over(over)
        for step in over:
            self._heard[step.episode_id] = max(step, self._heard.get(step.episode_id, step), key=order_of)
        self._forget_oldest_heard()
        await self._look_if_time()
        return ()

    async def idle(self) -> Sequence[Outgoing]:
        """See `runtime.worker.Handler`."""
        await self._look_if_time()
        return ()

    async def remember(self, positions: Positions, *, final: bool) -> None:  # noqa: ARG002 - every batch is remembered at once
        """See `runtime.worker.Handler`."""
        if positions != self._remembered:
            await self._door.run(self._store, dict(positions))
            self._remembered = dict(positions)

    async def look(self) -> int:
        """Take every step that is due now; how many were taken. Raises Fenced, Unavailable."""
        now_ms = self._clock.now_ms()
        due = [episode_id for episode_id, following in await self._climbing() if following.at_ms <= now_ms]
        taken: list[Paging] = []
        for start in range(0, len(due), self._settings.episodes_per_transaction_max):
            some = due[start : start + self._settings.episodes_per_transaction_max]
            taken += await self._together(some, lambda ids: self._door.run(self._take, ids))
        for paging in taken:
            self._tell(paging)
        if taken and self._wake is not None:
            self._wake()
        return len(taken)

    async def _look_if_time(self) -> None:
        now_s = self._clock.monotonic_s()
        if not self._epochs or now_s - self._looked_s < self._settings.look_every_s:
            return
        self._looked_s, self._has_failed = now_s, False
        try:
            await self.look()
        except (Fenced, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 - must not end the process that raises the alarms; the next look tries again
            self._failed(error)
        if not self._has_failed:
            self._telemetry.ready(GROUP)

    async def _together(
        self, items: Sequence[ItemT], work: Callable[[Sequence[ItemT]], Awaitable[list[ResultT]]]
    ) -> list[ResultT]:
        """All at once, or half by half where one of them fails in a way that nobody foresaw: it holds up no other."""
        try:
            return await work(items)
        except (Fenced, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 - a worker's loop, as above
            if len(items) <= 1:
                self._failed(error, items)
                return []
        half: int = len(items) // 2
        return [*await self._together(items[:half], work), *await self._together(items[half:], work)]

    def _failed(self, error: Exception, about: Sequence[OpenEpisode | Transition | str] = ()) -> None:
        self._has_failed = True
        self._telemetry.count("wardlight_alerts_ladder_failures_total")
        self._telemetry.not_ready(GROUP, f"could not take steps: {type(error).__name__}")
        named = [each if isinstance(each, str) else each.episode_id for each in about]
        log.error("ladder_failed", episodes=named, exc_info=error)

    async def _climbing(self) -> list[tuple[str, Due]]:
        """Our episodes that have a step before them, and which."""
        opened, ladders = await in_snapshot(self._door, self._database, self._opened)
        self._rounds = {each.episode_id: held for each in opened if (held := self._rounds.get(each.episode_id))}

        def work(some: Sequence[OpenEpisode]) -> Awaitable[list[tuple[str, Due]]]:
            return in_snapshot(self._door, self._database, self._following, some, ladders)

        climbing = await self._together(opened, work) if opened else []
        self._telemetry.set("wardlight_alerts_ladder_climbing_count", len(climbing))
        return climbing

    def _opened(self, conn: Connection) -> tuple[list[OpenEpisode], LadderBook]:
        stored = escalation.stored_of(conn, [step.transition_id for step in self._heard.values()])
        self._heard = {each: step for each, step in self._heard.items() if step.transition_id not in stored}
        return [episode for episode in escalation.open_episodes(conn) if self._is_ours(episode)], ladder_book(conn)

    def _following(self, conn: Connection, opened: Sequence[OpenEpisode], ladders: LadderBook) -> list[tuple[str, Due]]:
        self._renew(conn, opened)
        rounds = [found for each in opened if isinstance(found := self._rounds[each.episode_id][1], Round)]
        unanswered = [each for each in rounds if isinstance(self._next(ladders, Case(each)), Due)]
        return [
            (case.round.state.episode_id, following)
            for case in escalation.cases(conn, unanswered)
            if isinstance(following := self._next(ladders, case), Due)
        ]

    def _renew(self, conn: Connection, opened: Sequence[OpenEpisode]) -> None:
        """Read the transitions of those episodes that have had one since the last look."""
        changed = {
            episode.episode_id: episode.last_transition_id
            for episode in opened
            if self._rounds.get(episode.episode_id, ("",))[0] != episode.last_transition_id
        }
        for episode_id, steps in self._transitions(conn, list(changed)).items():
            self._rounds[episode_id] = changed[episode_id], _round_of(steps)

    def _transitions(self, conn: Connection, episode_ids: Sequence[str]) -> dict[str, list[Transition]]:
        """What the database holds of these episodes, and what the log was heard to say of them beyond that."""
        found = escalation.transitions_of(conn, episode_ids)
        for episode_id, steps in found.items():
            heard = self._heard.get(episode_id)
            if heard is not None and heard.transition_id not in {step.transition_id for step in steps}:
                steps.append(heard)
        return found

    def _decoded(self, record: Incoming) -> Transition | None:
        try:
            return codec.decode(Transition, record.value)
        except MalformedRecord as error:
            log.warning("record_passed_over", topic=record.topic, offset=record.offset, cause=str(error))
            self._telemetry.count("wardlight_alerts_malformed_records_total", topic=record.topic)
            return None

    def _forget_oldest_heard(self) -> None:
        beyond = len(self._heard) - _HEARD_MAX
        if beyond <= 0:
            return
        for episode_id in list(islice(self._heard, beyond)):
            del self._heard[episode_id]
        log.warning("ends_heard_forgotten", number=beyond, kept=_HEARD_MAX)
        self._telemetry.count("wardlight_alerts_ladder_ends_forgotten_total", beyond)

    async def _tell_over(self, steps: Sequence[Transition]) -> None:
        told = await self._together(steps, lambda some: self._door.run(self._tell_followers, some))
        if any(told) and self._wake is not None:
            self._wake()

    def _tell_followers(self, steps: Sequence[Transition]) -> list[int]:
        with self._database.transaction() as conn:
            check_epochs(conn, GROUP, self._epochs)
            return [self._follow(conn, steps, self._clock.now_ms())]

    def _next(self, ladders: LadderBook, case: Case) -> Due | Over:
        state = case.round.state
        ladder = ladders.find(state.ward_id, state.priority).ladder
        return next_step(ladder, case, repeats_max=self._settings.repeats_max)

    def _take(self, episode_ids: Sequence[str]) -> list[Paging]:
        """Decide anew on what holds inside the transaction, and take what is due: each step with its deliveries, or nothing."""
        now_ms = self._clock.now_ms()
        with self._database.transaction() as conn:
            check_epochs(conn, GROUP, self._epochs)
            ladders, book = ladder_book(conn), phone_book(conn, now_ms)
            found = self._transitions(conn, episode_ids)
            rounds = [each for steps in found.values() if isinstance(each := _round_of(steps), Round)]
            taken = []
            for case in escalation.cases(conn, rounds):
                for paging in self._steps(ladders, book, case, now_ms):
                    if escalation.claim(conn, _row(paging)):
                        self._enqueue(conn, paging, now_ms)
                        taken.append(paging)
            return taken

    def _steps(self, ladders: LadderBook, book: PhoneBook, case: Case, now_ms: int) -> list[Paging]:
        state = case.round.state
        stored = ladders.find(state.ward_id, state.priority)

        def whom(step: LadderStep) -> Answer:
            return book.whom(
                step.to,
                step.targets,
                ward_id=state.ward_id,
                priority=state.priority,
                at_ms=now_ms,
                told_max=self._settings.addressees_max,
            )

        steps, _ = advance(stored.ladder, case, now_ms=now_ms, whom=whom, repeats_max=self._settings.repeats_max)
        return [Paging(case.round, step, stored) for step in steps]

    def _tell(self, paging: Paging) -> None:
        step = paging.step
        self._telemetry.count(
            "wardlight_alerts_ladder_steps_total", evidence=step.why.value, reached=step.reached.value
        )
        self._telemetry.observe("wardlight_alerts_ladder_late_seconds", step.late_ms / 1000)
        log.info(
            "ladder_step_taken",
            episode_id=step.episode_id,
            step=step.number,
            evidence=step.why.value,
            reached=step.reached.value,
            told=len(step.told),
            late_ms=step.late_ms,
        )

    def _claim(self, partitions: frozenset[int]) -> Claims:
        with self._database.transaction() as conn:
            return claim(conn, GROUP, partitions)

    def _store(self, positions: Mapping[TopicPartition, int]) -> None:
        with self._database.transaction() as conn:
            remember_positions(conn, GROUP, self._epochs, positions)

    def _is_ours(self, episode: OpenEpisode) -> bool:
        return partition_of(episode.patient_id.encode(), self._bus.partition_count) in self._epochs


def _round_of(steps: Sequence[Transition]) -> Round | Over:
    # Where none of them could be read, it was never told as far as anybody can know: it holds up no other.
    return round_of(steps) if steps else Over.NEVER_TOLD


def _calms(step: Transition) -> bool:
    """Whether somebody has it in hand, or nothing is left to be done."""
    return step.transition is TransitionKind.ACKNOWLEDGED or not step.is_open


def _row(paging: Paging) -> StepRow:
    state, step, stored = paging.round.state, paging.step, paging.stored
    return StepRow(
        episode_id=step.episode_id,
        round_id=step.round_id,
        step=step.number,
        step_id=step.step_id,
        patient_id=state.patient_id,
        ward_id=state.ward_id,
        priority=state.priority,
        due_ms=step.due_ms,
        at_ms=step.at_ms,
        evidence=step.why,
        reached=step.reached,
        told=step.told,
        missing=step.missing,
        rung=rung(stored.ladder, step.number),
        ladder_ward_id=stored.ladder.ward_id,
        ladder_version=stored.version,
    )
