"""From a reading to the page that reaches somebody: engine, ladder, outbox and a scripted channel, in virtual time."""

import asyncio
import random

import pytest

from alerts.dispatch import Dispatcher
from alerts.ladder_paging import follower, pager
from alerts.ladder_runner import GROUP, TOPICS, LadderHandler
from alerts.ladder_settings import LadderSettings
from alerts.notification import Channel
from alerts.notification_settings import NotificationsSettings
from runtime.virtual_loop import run_virtual
from runtime.worker import Worker, WorkerLimits
from tests.support.alert_timetable import WARD
from tests.support.alert_ward import AlertWard
from tests.support.ladder_scene import LadderScene
from tests.support.outbox_scene import ScriptedChannel, refuse
from vitals.alert import Action
from vitals.escalation import Evidence
from vitals.notification import DeliveryFault, Notification


class Paged:
    """The ward with its ladder, its outbox and one channel for everybody."""

    def __init__(self) -> None:
        self.ward = AlertWard()
        self.channel = ScriptedChannel(self.ward.clock)
        self.stopping = asyncio.Event()

    async def open(self) -> None:
        """Lay the schema; Kim is nurse, Lee physician, Max manager of the patient's ward."""
        await self.ward.open()
        self.people = LadderScene(database=self.ward.database)
        for login, role in (("kim", "nurse"), ("lee", "physician"), ("max", "ward_manager")):
            self.people.somebody(login, role, ward=WARD)

    def start(self) -> None:
        """Engine, ladder and dispatcher as a new process begins them."""
        ward = self.ward
        ward.start()
        ports = {"database": ward.database, "door": ward.door, "clock": ward.clock, "telemetry": ward.telemetry}
        sender = Dispatcher(
            channels=dict.fromkeys(Channel, self.channel),
            settings=NotificationsSettings(pace_s=0, look_s=1),
            random_source=random.Random(1),
            **ports,  # type: ignore[arg-type]
        )
        handler = LadderHandler(
            bus=ward.bus,
            settings=LadderSettings(),
            enqueue=pager(expires_s=600),
            follow=follower(expires_s=600),
            wake=sender.wake,
            **ports,  # type: ignore[arg-type]
        )
        limits = WorkerLimits(poll_timeout_s=0.2)
        ladder = Worker(name=GROUP, topics=TOPICS, bus=ward.bus, handler=handler, clock=ward.clock, limits=limits)
        self._tasks = [asyncio.create_task(sender.run(self.stopping)), asyncio.create_task(ladder.run())]

    async def kill(self) -> None:
        """Every process dies at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ward.kill()

    def pages(self, login: str) -> list[str]:
        """What this person's pager took: the transition, or the words of the step."""
        return [one.step or one.transitions[0].transition.value for one in self.channel.accepted[f"to-{login}"]]


def fails(_: Notification) -> None:
    raise refuse(DeliveryFault.GONE, retryable=False)


def test_a_page_that_cannot_be_delivered_goes_on_at_once_and_stops_when_somebody_has_it_in_hand() -> None:
    async def scene() -> None:
        paged = Paged()
        await paged.open()
        paged.channel.answers["to-kim"] = fails
        paged.start()
        await paged.ward.measure(30, spo2=79)
        await paged.ward.until(lambda: bool(paged.pages("lee")), within_s=5)
        (episode,) = paged.ward.open_episodes()
        first, second = paged.people.steps(episode.episode_id)[:2]
        assert (first.evidence, second.evidence) == (Evidence.FIRST, Evidence.NOT_DELIVERED)
        assert second.at_ms - first.at_ms <= 3000
        assert paged.pages("lee") == ["Step 2 of 3: nobody told before could be reached"]
        assert paged.pages("max") == []
        await paged.ward.command(Action.ACKNOWLEDGE, episode.episode_id)
        await paged.ward.until(lambda: len(paged.pages("lee")) == 2, within_s=5)
        await paged.ward.measure(140, spo2=79)
        assert paged.pages("lee") == ["Step 2 of 3: nobody told before could be reached", "acknowledged"]
        assert paged.pages("max") == []
        await paged.kill()

    run_virtual(scene())


@pytest.mark.thorough
def test_an_alert_that_nobody_takes_climbs_through_a_restart_of_every_process_each_step_once() -> None:
    async def scene() -> None:
        paged = Paged()
        await paged.open()
        paged.start()
        await paged.ward.measure(25, spo2=79)
        await paged.ward.until(lambda: bool(paged.pages("kim")), within_s=5)
        (episode,) = paged.ward.open_episodes()
        for _ in range(12):
            await paged.kill()
            await paged.ward.clock.sleep(1)
            paged.start()
            await paged.ward.measure(10, spo2=79)
        assert [name for name in ("kim", "lee", "max") if paged.pages(name)] == ["kim", "lee", "max"]
        assert paged.pages("max") == ["Step 3 of 3: nobody has seen it yet"]
        assert [len(paged.pages(name)) for name in ("kim", "lee", "max")] == [3, 2, 1]
        steps = paged.people.steps(episode.episode_id)
        assert [step.step for step in steps] == [0, 1, 2]
        assert all(step.at_ms - step.due_ms <= 13_000 for step in steps)
        await paged.kill()

    run_virtual(scene())
