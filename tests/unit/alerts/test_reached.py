"""An episode goes on from what was told of it, whatever a replay made of its beginning; times in seconds."""

from msgspec.structs import replace

from alerts.reached import Reached, caught_up, reached_by
from runtime.bus import Outgoing
from runtime.virtual_loop import run_virtual
from storage import episodes
from tests.support.alert_timetable import PATIENT, Timetable, ms
from tests.support.alert_ward import AlertWard
from vitals.alert import Action, Priority, Reason, Transition, TransitionKind, order_of
from vitals.codec import encode
from vitals.topics import LogTopic


def raised() -> Timetable:
    ward = Timetable()
    ward.hold(0, 40, spo2=84)
    return ward


def told(step: Transition, *, second: float, round_: int, priority: Priority = Priority.MEDIUM) -> Transition:
    return replace(step, at_ms=ms(second), heard_ms=ms(second), round=round_, priority=priority)


def test_the_furthest_round_counts_and_of_its_steps_the_first() -> None:
    first = raised().transitions[0]
    steps = [
        told(first, second=50, round_=1),
        told(first, second=45, round_=1),
        told(first, second=60, round_=0),
        first,
    ]
    expected = Reached(Priority.MEDIUM, 1, ms(45))
    assert reached_by(steps) == {PATIENT: {first.episode_id: expected}}
    higher = told(first, second=70, round_=0, priority=Priority.HIGH)
    assert reached_by([*steps, higher])[PATIENT][first.episode_id] == Reached(Priority.HIGH, 0, ms(70))


def test_a_step_told_by_a_version_that_did_not_say_when_it_heard_counts_by_its_time() -> None:
    first = replace(raised().transitions[0], heard_ms=None)
    assert reached_by([first])[PATIENT][first.episode_id].heard_ms == first.at_ms


def test_only_what_is_heard_after_a_told_step_goes_on_from_it() -> None:
    episode = raised().engine.state.machines[raised().last.kind].episode
    assert episode is not None
    reached = {episode.episode_id: Reached(Priority.HIGH, 2, ms(50))}
    assert caught_up(episode, reached, ms(50)) is episode, "a replay may come to that very step"
    later = caught_up(episode, reached, ms(51))
    assert (later.priority, later.round) == (Priority.HIGH, 2)
    assert caught_up(later, {episode.episode_id: Reached(Priority.MEDIUM, 7, ms(50))}, ms(60)) is later
    assert caught_up(episode, {"another": Reached(Priority.HIGH, 2, ms(50))}, ms(60)) is episode


def test_an_acknowledgement_of_what_a_replay_tells_otherwise_stands_beyond_what_was_told() -> None:
    async def scene() -> None:
        ward = AlertWard()
        await ward.open()
        ward.start()
        await ward.measure(62, spo2=79)
        await ward.until(lambda: len(ward.open_episodes()) == 1, within_s=5)
        await ward.kill()
        (first,) = await ward.told()
        # As of an engine that had kept it quiet, told it in a new round, and died; no replay comes to that step again.
        anew = replace(
            first,
            transition_id="told-anew",
            transition=TransitionKind.UNSUPPRESSED,
            reason=Reason.ABSORPTION_ENDED,
            at_ms=first.at_ms + 1,
            heard_ms=(first.heard_ms or 0) + 1,
            round=1,
        )
        await ward.bus.publish([Outgoing(LogTopic.ALERTS.value, PATIENT.encode(), encode(anew))])
        for crash in range(2):
            ward.start()
            if not crash:
                await ward.command(Action.ACKNOWLEDGE, first.episode_id)
            await ward.until(lambda: ward.open_episodes()[0].acknowledged, within_s=5)
            await ward.kill()
            (episode,) = ward.open_episodes()
            assert (episode.round, episode.last_transition) == (1, TransitionKind.ACKNOWLEDGED)
        with ward.database.snapshot() as conn:
            steps = episodes.transitions_of(conn, first.episode_id)
        assert max(steps, key=order_of).acknowledgements[0].by == "nurse-1"

    run_virtual(scene())
