"""The worker publishes, then remembers; repeats after a crash, never loses; leaves no half-done batch behind."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from runtime.bus import Assigned, Delivered, Incoming, Outgoing, Positions, Reader, TopicPartition
from runtime.clock import LoopClock
from runtime.virtual_loop import run_virtual
from runtime.worker import Worker, WorkerLimits
from vitals.errors import Fenced, PositionOutOfRange, Unavailable

TOPIC = "readings"
LIMITS = WorkerLimits(fenced_polls_max=3)
Deed = tuple[object, ...]
Faults = Mapping[str, list[Exception | None]]
Step = Assigned | Delivered | Exception


class Crash(Exception):
    """The process dies here."""


CRASH = Crash()
DOWN = Unavailable("The database does not answer.")
FENCED = Fenced("Another owner claimed partition 0.")
OWN = Assigned(frozenset({0}))
NOTHING = Delivered(())


def came(*offsets: int) -> Delivered:
    """Records of partition 0 with these offsets."""
    return Delivered([Incoming(TOPIC, 0, offset, b"key", b"r%d" % offset) for offset in offsets])


class Script:
    """Fakes of the log and the handler: polls answer by script, deeds are noted, and faults strike named deeds in turn.

    The script's end stops the worker.
    """

    def __init__(self, steps: Sequence[Step], *, remembered: int = 0, faults: Faults | None = None) -> None:
        self.steps = list(steps)
        self.faults = dict(faults or {})
        self.deeds: list[Deed] = []
        self.published: list[bytes] = []
        self.remembered = remembered
        self.worker = Worker(
            name="stream",
            topics=[TOPIC],
            bus=self,
            handler=self,
            clock=LoopClock(epoch_ms=0),
            limits=LIMITS,
        )

    def _do(self, name: str, *details: object) -> None:
        self.deeds.append((name, *details))
        faults = self.faults.get(name)
        if faults and (fault := faults.pop(0)) is not None:
            raise fault

    @property
    def partition_count(self) -> int:
        return 1

    async def reader(self, *, group: str | None, topics: Sequence[str], gather_s: float = 0.0) -> Reader:
        self._do("join", group)
        return ScriptedReader(self)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self._do("publish", *[r.value for r in records])
        self.published += [r.value for r in records]

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return {TopicPartition(TOPIC, 0): 10, TopicPartition(TOPIC, 1): 10}

    async def beginnings(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return {TopicPartition(TOPIC, 0): 4, TopicPartition(TOPIC, 1): 4}

    async def close(self) -> None:
        """Nothing to close."""

    async def claim(self, partitions: frozenset[int]) -> Positions:
        self._do("claim", *sorted(partitions))
        return {TopicPartition(TOPIC, partition): self.remembered for partition in partitions}

    async def handle(self, records: Sequence[Incoming]) -> Sequence[Outgoing]:
        self._do("handle", *[r.value for r in records])
        return [Outgoing("assessments", r.key, b"a" + r.value) for r in records]

    async def idle(self) -> Sequence[Outgoing]:
        self._do("idle")
        return []

    async def remember(self, positions: Positions, *, final: bool) -> None:
        self._do("final" if final else "remember", positions.get(TopicPartition(TOPIC, 0)))
        self.remembered = positions.get(TopicPartition(TOPIC, 0), self.remembered)

    def run(self) -> list[Deed]:
        """Run the worker to the script's end in virtual time; the deeds."""
        run_virtual(self.worker.run())
        return self.deeds


class ScriptedReader:
    """Answers polls by the script."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def poll(self, *, records_max: int, timeout_s: float) -> Assigned | Delivered:
        if not self._script.steps:
            self._script.worker.stop()
            return NOTHING
        step = self._script.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def seek(self, positions: Positions) -> None:
        self._script._do("seek", *positions.values())

    async def close(self) -> None:
        self._script._do("close")


def test_outputs_are_published_before_positions_are_remembered() -> None:
    assert Script([OWN, came(0, 1)]).run() == [
        ("join", "stream"),
        ("claim", 0),
        ("seek", 0),
        ("handle", b"r0", b"r1"),
        ("publish", b"ar0", b"ar1"),
        ("remember", 2),
        ("idle",),
        ("remember", 2),
        ("final", 2),
        ("close",),
    ]


def test_a_crash_between_publish_and_remember_repeats_outputs_and_loses_none() -> None:
    first = Script([OWN, came(0), came(1)], faults={"remember": [None, CRASH]})
    with pytest.raises(Crash):
        first.run()
    assert first.published == [b"ar0", b"ar1"]
    assert first.deeds[-1] == ("close",)
    second = Script([OWN, came(1), came(2)], remembered=first.remembered)
    assert ("seek", 1) in second.run()
    assert first.published + second.published == [b"ar0", b"ar1", b"ar1", b"ar2"]


@pytest.mark.parametrize("deed", ["handle", "publish", "remember"])
def test_after_a_failure_state_is_claimed_again_in_the_same_group_and_the_batch_repeated(deed: str) -> None:
    script = Script([OWN, came(0), NOTHING, came(0, 1)], faults={deed: [DOWN]})
    deeds = script.run()
    assert deeds.count(("claim", 0)) == 2
    assert deeds.count(("join", "stream")) == 1
    assert deeds.count(("seek", 0)) == 2
    assert script.remembered == 2
    assert script.published[-2:] == [b"ar0", b"ar1"]


def test_records_that_come_between_a_failure_and_the_new_claim_are_not_handled() -> None:
    deeds = Script([OWN, came(0), came(1), came(0), came(1)], faults={"publish": [DOWN]}).run()
    assert [deed[1:] for deed in deeds if deed[0] == "handle"] == [(b"r0",), (b"r0",), (b"r1",)]


def test_an_outage_of_the_database_is_waited_out_with_growing_pauses() -> None:
    outage: list[Exception | None] = [DOWN] * 6
    script = Script([OWN, *[NOTHING] * 6], faults={"claim": outage})

    async def lasted_s() -> float:
        await script.worker.run()
        return asyncio.get_running_loop().time()

    assert 0.1 < run_virtual(lasted_s()) < 6 * LIMITS.backoff_s_max
    assert script.deeds.count(("claim", 0)) == 7
    assert script.deeds.count(("join", "stream")) == 1


def test_a_log_that_cannot_be_joined_or_read_is_joined_anew() -> None:
    deeds = Script([DOWN, OWN, came(0)], faults={"join": [DOWN]}).run()
    assert [deed[0] for deed in deeds][:5] == ["join", "join", "close", "join", "claim"]


def test_a_fenced_worker_drops_its_state_and_claims_only_its_new_share() -> None:
    script = Script(
        [OWN, came(0), came(1), came(2), Assigned(frozenset({1})), NOTHING], faults={"remember": [None, FENCED]}
    )
    deeds = script.run()
    assert ("handle", b"r2") not in deeds
    assert [deed for deed in deeds if deed[0] in {"join", "claim", "final"}] == [
        ("join", "stream"),
        ("claim", 0),
        ("claim", 1),
        ("final", None),
    ]


def test_a_fenced_worker_that_gets_no_new_share_joins_anew() -> None:
    script = Script(
        [OWN, came(0), *[NOTHING] * (LIMITS.fenced_polls_max + 1), OWN, came(0)], faults={"remember": [FENCED]}
    )
    deeds = script.run()
    assert [deed for deed in deeds if deed[0] in {"join", "claim", "close"}] == [
        ("join", "stream"),
        ("claim", 0),
        ("close",),
        ("join", "stream"),
        ("claim", 0),
        ("close",),
    ]


def test_what_was_handled_is_remembered_before_the_partitions_are_handed_over() -> None:
    deeds = Script([OWN, came(0), Assigned(frozenset())]).run()
    assert deeds[-6:] == [("remember", 1), ("final", 1), ("claim",), ("seek",), ("final", None), ("close",)]


@pytest.mark.parametrize("fault", [FENCED, DOWN])
def test_a_hand_over_goes_on_where_the_last_positions_cannot_be_remembered(fault: Exception) -> None:
    deeds = Script([OWN, came(0), Assigned(frozenset({1}))], faults={"final": [fault]}).run()
    assert ("claim", 1) in deeds
    assert deeds.count(("join", "stream")) == 1


def test_a_worker_without_partitions_handles_nothing_and_publishes_nothing() -> None:
    deeds = Script([Assigned(frozenset()), NOTHING, NOTHING]).run()
    assert {deed[0] for deed in deeds} == {"join", "claim", "seek", "final", "close"}


@pytest.mark.parametrize("faults", [{"seek": [PositionOutOfRange("The log holds offsets 5 to 9, not 0.")]}, {}])
def test_a_position_that_the_log_does_not_hold_ends_the_worker_with_one_sentence(
    faults: Faults,
) -> None:
    steps: list[Step] = [OWN] if faults else [OWN, PositionOutOfRange("The log holds offsets 5 to 9, not 0.")]
    script = Script(steps, faults=faults)
    with pytest.raises(PositionOutOfRange, match="stream cannot go on: The log holds offsets 5 to 9, not 0"):
        script.run()
    assert script.deeds[-1] == ("close",)
    assert not [deed for deed in script.deeds if deed[0] in {"remember", "final"}]


def test_stop_during_an_outage_ends_without_waiting_for_it() -> None:
    script = Script([OWN], faults={"claim": [DOWN] * 1000})
    script.worker._backoff.failures = 20

    async def stopped_after_s() -> float:
        running = asyncio.create_task(script.worker.run())
        async with asyncio.timeout(1):
            while ("claim", 0) not in script.deeds:
                await LoopClock(epoch_ms=0).sleep(0)
        script.worker.stop()
        await running
        return asyncio.get_running_loop().time()

    assert run_virtual(stopped_after_s()) < 0.1
    assert script.deeds[-1] == ("close",)


def test_last_positions_that_cannot_be_remembered_do_not_keep_it_from_ending() -> None:
    assert Script([OWN, came(0)], faults={"final": [DOWN]}).run()[-2:] == [("final", 1), ("close",)]


def test_a_farewell_that_is_not_heard_does_not_matter() -> None:
    assert Script([OWN, came(0)], faults={"close": [DOWN]}).run()[-1] == ("close",)


def test_a_cancelled_worker_leaves_its_group_and_remembers_nothing() -> None:
    script = Script([OWN, came(0)])

    async def cancelled() -> None:
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def publish(records: Sequence[Outgoing]) -> None:
            script._do("publish")
            running.cancel()
            await never

        script.publish = publish  # type: ignore[method-assign]
        running = asyncio.create_task(script.worker.run())
        with pytest.raises(asyncio.CancelledError):
            await running

    run_virtual(cancelled())
    assert [deed[0] for deed in script.deeds][-2:] == ["publish", "close"]
    assert script.worker.partitions == frozenset()


def test_lag_counts_what_is_not_handled_of_the_claimed_partitions_only() -> None:
    script = Script([OWN, came(4, 5), NOTHING])
    lags: list[int] = []

    async def measure() -> None:
        async def idle() -> Sequence[Outgoing]:
            lags.append(await script.worker.lag())
            assert script.worker.partitions == {0}
            return []

        script.idle = idle  # type: ignore[method-assign]
        assert await script.worker.lag() == 0
        await script.worker.run()

    run_virtual(measure())
    assert lags[0] == 4
