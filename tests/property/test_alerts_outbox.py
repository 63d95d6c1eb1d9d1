"""Whatever fails, hangs, dies or loses an answer: nothing is lost, nothing taken twice but after a lost answer, no gap in numbers."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable

from hypothesis import Phase, given
from hypothesis import strategies as st

from alerts.notification import DeliveryFault, Notification
from alerts.notification_settings import NotificationsSettings
from runtime.virtual_loop import run_virtual
from tests.support.examples import THOROUGH, examples
from tests.support.outbox_scene import OutboxScene, refuse, step
from vitals.alert import Priority, TransitionKind
from vitals.notification import DeliveryState

EPISODES = 12 if THOROUGH else 6
SETTINGS = NotificationsSettings(pace_s=0, look_s=1, attempt_timeout_s=5, lease_margin_s=2, retry_s_max=8)


class Moody:
    """A server that, until it calms down, refuses, hangs, or takes a notification and loses its own answer."""

    def __init__(self, stage: OutboxScene, chance: random.Random) -> None:
        self._stage = stage
        self._chance = chance
        self.calm = False
        self.took: list[Notification] = []
        self.unanswered: set[str] = set()

    def __call__(self, notification: Notification) -> Awaitable[None] | None:
        mood = 1.0 if self.calm else self._chance.random()
        if mood < 0.25:
            raise refuse(DeliveryFault.SERVER_ERROR)
        if mood < 0.35:
            return self._stage.channel.hang()
        self.took.append(notification)
        if mood < 0.5:
            self.unanswered.add(notification.notification_id)
            raise refuse(DeliveryFault.TIMED_OUT)
        return self._slowly(notification)

    async def _slowly(self, notification: Notification) -> None:
        """It has it; until the answer is there the process that sent it may die, or give up waiting."""
        try:
            await self._stage.clock.sleep(0.2)
        except asyncio.CancelledError:
            self.unanswered.add(notification.notification_id)
            raise


async def story(seed: int) -> None:
    """Alerts, deaths of processes and moods of two destinations, then calm."""
    chance = random.Random(seed)
    stage = OutboxScene(settings=SETTINGS, seed=seed)
    await stage.open()
    servers = {name: Moody(stage, chance) for name in ("one", "two")}
    stage.channel.answers.update(servers)
    for name in servers:
        stage.subscribe(name)
    stage.start_dispatcher()
    stage.start_dispatcher()
    for number in range(EPISODES):
        priority = chance.choice(list(Priority))
        raised = step(f"e{number}", priority=priority, patient=f"p{number}", at_s=stage.clock.monotonic_s() + 1)
        ended = step(
            f"e{number}", TransitionKind.RESOLVED, priority=priority, patient=f"p{number}", cause="r2",
            at_s=stage.clock.monotonic_s() + 2,
        )  # fmt: skip
        steps = [raised, ended] if chance.random() < 0.5 else [raised]
        await stage.raise_alerts(*steps, *(steps if chance.random() < 0.2 else []))
        if chance.random() < 0.4:
            await chance.choice([stage.kill_dispatcher, stage.stop_dispatcher])()
            stage.start_dispatcher()
        await stage.clock.sleep(chance.uniform(0, 4))
    for server in servers.values():
        server.calm = True
    for name, server in servers.items():
        await stage.until(lambda: all(one.ended_at_ms is not None for one in stage.deliveries(name)), within_s=300)  # noqa: B023
        judge(stage, name, server)
    await stage.close()


def judge(stage: OutboxScene, name: str, server: Moody) -> None:
    """What was promised of one destination."""
    events = stage.events(f"s-{name}")
    deliveries = stage.deliveries(name)
    assert [one.number for one in events] == list(range(1, len(events) + 1))
    assert {one.step.transition_id for one in events} == {one.transition_id for one in deliveries}
    assert all(one.state is DeliveryState.ACCEPTED for one in deliveries)
    times = Counter(notification.notification_id for notification in server.took)
    twice = {made for made, number in times.items() if number > 1}
    assert twice <= server.unanswered
    first: dict[str, int] = {}
    for place, notification in enumerate(server.took):
        for carried in notification.transitions:
            first.setdefault(carried.transition_id, place)
    assert first.keys() == {one.step.transition_id for one in events}
    for one in events:
        if one.step.transition is TransitionKind.RESOLVED:
            raised = next(held for held in events if held.step.episode_id == one.step.episode_id)
            assert first[raised.step.transition_id] <= first[one.step.transition_id]


@examples(3, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, 2**32))
def test_nothing_is_lost_and_nothing_taken_twice_unless_its_answer_was_lost(seed: int) -> None:
    run_virtual(story(seed))
