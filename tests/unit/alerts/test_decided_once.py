"""A step is decided once: whatever a replay would make of it, people go on from what they were told. Times in seconds."""

import asyncio
from collections.abc import Sequence

import pytest

from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.settings import AlertsSettings
from runtime.bus import Outgoing
from runtime.virtual_loop import run_virtual
from tests.support.alert_ward import PARTITIONS, AlertWard, at_work
from vitals.alert import Action, Priority, TransitionKind
from vitals.errors import Unavailable
from vitals.topics import LogTopic

STEPS_LATER = (0.0, 1.3, 2.6, 3.9)
"""Where between two times of remembering it happens; states are remembered every five seconds."""


def latching() -> AlertWard:
    return AlertWard(AlertsSettings(), FixedPolicy(AlertRules()))


async def acknowledged_while_latched(ward: AlertWard, *, after: float) -> str:
    """An alert that was over and unseen until somebody acknowledged it, which ended it; its id."""
    await ward.clock.sleep(after)
    await ward.measure(30, spo2=79)
    await ward.measure(75, spo2=97)
    (latched,) = ward.open_episodes()
    assert latched.latched
    await ward.command(Action.ACKNOWLEDGE, latched.episode_id)
    await ward.until(lambda: not ward.open_episodes())
    return latched.episode_id


@pytest.mark.parametrize("after", STEPS_LATER)
def test_what_comes_back_behind_an_ended_alert_is_a_new_alert_after_a_crash_too(after: float) -> None:
    async def scene() -> None:
        ward = await at_work(latching())
        ended = await acknowledged_while_latched(ward, after=after)
        await ward.kill()
        await ward.measure(10, spo2=55)
        ward.start()
        await ward.until(lambda: len(ward.open_episodes()) == 1)
        (anew,) = ward.open_episodes()
        assert anew.episode_id != ended
        assert (anew.priority, anew.acknowledged) == (Priority.HIGH, False)
        await ward.kill()

    run_virtual(scene())


@pytest.mark.parametrize("after", STEPS_LATER)
def test_what_became_worse_while_the_engine_was_dead_pages_whoever_had_it_in_hand(after: float) -> None:
    async def scene() -> None:
        ward = await at_work(latching())
        await ward.clock.sleep(after)
        await ward.measure(30, spo2=79)
        (raised,) = ward.open_episodes()
        await ward.command(Action.ACKNOWLEDGE, raised.episode_id)
        await ward.until(lambda: ward.open_episodes()[0].acknowledged)
        await ward.kill()
        await ward.measure(10, spo2=62)
        ward.start()
        await ward.until(lambda: not ward.open_episodes()[0].acknowledged)
        (worse,) = ward.open_episodes()
        assert (worse.episode_id, worse.value) == (raised.episode_id, 62)
        assert worse.last_transition is TransitionKind.REALARMED
        await ward.kill()

    run_virtual(scene())


def test_while_the_database_is_away_nothing_is_told_and_afterwards_what_can_be_acknowledged_and_ended() -> None:
    async def scene() -> None:
        ward = await at_work(latching())
        await acknowledged_while_latched(ward, after=2.2)
        told = await ward.told()
        transaction, snapshot = ward.database.transaction, ward.database.snapshot

        def away() -> None:
            raise Unavailable("The database does not answer.")

        ward.database.transaction = ward.database.snapshot = away  # type: ignore[method-assign, assignment]
        await ward.measure(8, spo2=55)
        assert await ward.told() == told
        ward.database.transaction, ward.database.snapshot = transaction, snapshot  # type: ignore[method-assign]
        await ward.measure(20, spo2=55)
        (anew,) = ward.open_episodes()
        assert anew.priority is Priority.HIGH
        await ward.command(Action.ACKNOWLEDGE, anew.episode_id, command_id="c-2")
        await ward.until(lambda: ward.open_episodes()[0].acknowledged)
        await ward.measure(600, spo2=97)
        assert not ward.open_episodes()
        await ward.kill()

    run_virtual(scene())


def test_a_step_that_was_stored_and_could_not_be_told_is_told_once_the_log_answers() -> None:
    async def scene() -> None:
        ward = latching()
        await ward.open()
        refused = 0
        publish = ward.bus.publish

        async def publish_or_not(records: Sequence[Outgoing]) -> None:
            nonlocal refused
            if refused < 3 and any(record.topic == LogTopic.ALERTS for record in records):
                refused += 1
                raise Unavailable("The log does not answer.")
            await publish(records)

        ward.bus.publish = publish_or_not  # type: ignore[method-assign]
        ward.start()
        await ward.measure(30, spo2=79)
        await ward.until(lambda: len(ward.retained()) == 1)
        (step,) = ward.retained().values()
        (stored,) = ward.open_episodes()
        assert refused == 3
        assert step.transition_id == stored.last_transition_id
        await ward.kill()

    run_virtual(scene())


def test_a_step_that_was_stored_right_before_the_end_is_told_by_whoever_comes_next() -> None:
    async def scene() -> None:
        ward = latching()
        await ward.open()
        publish, began = ward.bus.publish, asyncio.Event()

        async def publish_never(records: Sequence[Outgoing]) -> None:
            if any(record.topic == LogTopic.ALERTS for record in records):
                began.set()
                await asyncio.Event().wait()
            await publish(records)

        ward.bus.publish = publish_never  # type: ignore[method-assign]
        ward.start()
        await ward.measure(30, spo2=79)
        await began.wait()
        await ward.kill()
        (stored,) = ward.open_episodes()
        assert not await ward.told()
        ward.bus.publish = publish  # type: ignore[method-assign]
        # One that is stopped before it could say anything leaves it to the next.
        silent = ward.handler()
        positions = await silent.claim(frozenset(range(PARTITIONS)))
        await silent.remember(positions, final=True)
        ward.start()
        await ward.clock.sleep(5)
        assert [step.transition_id for step in await ward.told()] == [stored.last_transition_id]
        await ward.kill()

    run_virtual(scene())
