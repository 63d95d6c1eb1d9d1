"""How far topic `alerts` is in SQL is remembered with the states, so that a dashboard need not read it from the beginning."""

from msgspec.structs import replace

from alerts.told import told_since
from runtime.bus import Outgoing, Positions
from runtime.virtual_loop import run_virtual
from storage import episodes
from storage.claims import positions_of
from tests.support.alert_timetable import PATIENT
from tests.support.alert_ward import PARTITIONS, AlertWard
from vitals.alert import Reason, Suppression, Transition, TransitionKind
from vitals.codec import encode
from vitals.topics import LogTopic


def test_the_engine_remembers_the_end_of_what_it_told_and_goes_on_after_a_restart() -> None:
    async def scene() -> None:
        ward = AlertWard()
        await ward.open()
        ward.start()
        await ward.measure(62, spo2=79)
        await ward.until(lambda: len(ward.open_episodes()) == 1, within_s=5)
        await ward.stop()
        ends = await ward.bus.ends([LogTopic.ALERTS])
        assert sum(ends.values()) >= 1
        assert told(ward) == ends
        ward.start()
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.open_episodes(), within_s=5)
        await ward.stop()
        assert told(ward) == await ward.bus.ends([LogTopic.ALERTS])
        with ward.database.snapshot() as conn:
            (episode,) = episodes.list_episodes(conn, limit=10)
            stored = {step.transition_id for step in episodes.transitions_of(conn, episode.episode_id)}
        assert stored == {transition.transition_id for transition in await ward.told()}

    run_virtual(scene())


def test_what_was_told_before_a_crash_is_in_sql_even_where_the_replay_tells_it_no_more() -> None:
    async def scene() -> None:
        ward = AlertWard()
        await ward.open()
        ward.start()
        await ward.measure(62, spo2=79)
        await ward.until(lambda: len(ward.open_episodes()) == 1, within_s=5)
        await ward.stop()
        (raised,) = await ward.told()
        # As of an engine that told this, and died before SQL had it; no record of the log leads a replay to it.
        last = replace(
            raised,
            transition_id="told-and-not-stored",
            transition=TransitionKind.SUPPRESSED,
            reason=Reason.SILENCED,
            at_ms=raised.at_ms + 1,
            suppression=Suppression(Reason.SILENCED, raised.at_ms, "nurse-1", "s-1"),
        )
        await ward.bus.publish([Outgoing(LogTopic.ALERTS.value, PATIENT.encode(), encode(last))])
        ward.start()
        await ward.until(lambda: ward.open_episodes()[0].last_transition_id == "told-and-not-stored", within_s=1)
        await ward.stop()

    run_virtual(scene())


def test_what_was_told_is_read_back_from_where_it_was_remembered_to_where_it_ends_now() -> None:
    async def scene() -> None:
        ward = AlertWard()
        await ward.open()
        ward.start()
        await ward.measure(62, spo2=79)
        await ward.measure(62, spo2=96)
        await ward.until(lambda: not ward.open_episodes(), within_s=5)
        await ward.stop()
        everything, whole = await ward.told(), frozenset(range(PARTITIONS))
        assert len(everything) == 2

        async def since(partitions: frozenset[int], positions: Positions) -> list[Transition]:
            return await told_since(ward.bus, partitions, positions, clock=ward.clock, within_s=1)

        ends = await ward.bus.ends([LogTopic.ALERTS])
        (place,) = [at for at, end in ends.items() if end]
        assert await since(whole, {}) == everything, "of what was never remembered, all"
        assert await since(whole, {place: 1}) == everything[1:]
        assert await since(whole, ends) == []
        assert await since(whole - {place.partition}, {}) == [], "others see to theirs"
        assert await since(frozenset(), {}) == []

    run_virtual(scene())


def told(ward: AlertWard) -> dict[object, int]:
    with ward.database.snapshot() as conn:
        return {at: end for at, end in positions_of(conn, "alerts").items() if at.topic == LogTopic.ALERTS}
