"""How far topic `alerts` is in SQL is remembered with the states, so that a dashboard need not read it from the beginning."""

from runtime.virtual_loop import run_virtual
from storage import episodes
from storage.claims import positions_of
from tests.support.alert_ward import AlertWard, at_work
from vitals.topics import LogTopic


def test_the_engine_remembers_the_end_of_what_it_told_and_goes_on_after_a_restart() -> None:
    async def scene() -> None:
        ward = await at_work()
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


def told(ward: AlertWard) -> dict[object, int]:
    with ward.database.snapshot() as conn:
        return {at: end for at, end in positions_of(conn, "alerts").items() if at.topic == LogTopic.ALERTS}
