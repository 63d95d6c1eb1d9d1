"""A pager of the house that people are reached at too is told whatever becomes of those people."""

import asyncio

import pytest

from storage import contacts
from storage.notifications_outbox import Chosen, Claimed, claim_next
from tests.support.ladder_scene import LadderScene
from vitals.alert import Priority
from vitals.ladder import LadderStep


def told_at_once(scene: LadderScene, destination_id: str) -> bool:
    """Whether the dispatcher is given something to send there, rather than that it is given up."""
    with scene.database.transaction() as conn:
        answer = claim_next(
            conn,
            destination_id,
            high=True,
            now_ms=scene.clock.now_ms(),
            lease_ms=1000,
            window_ms=1000,
            planner=lambda fresh, _, __: Chosen(tuple((one.delivery_id,) for one in fresh), None),
        )
    return isinstance(answer.work, Claimed)


@pytest.mark.parametrize(
    "to", [("person:ann", "destination:pager"), ("person:ann", "person:kim"), ("person:kim", "person:ann")]
)
def test_somebody_who_may_not_see_the_ward_takes_its_pager_from_nobody(to: tuple[str, ...]) -> None:
    async def scene() -> None:
        ward = LadderScene()
        ward.destination("pager")
        for login, at in (("ann", "east"), ("kim", "west")):
            ward.somebody(login, "nurse", ward=at, reached=False)
            with ward.database.transaction() as conn:
                contacts.put(conn, f"id-{login}", "pager", tuple(Priority), at_ms=1, by="test")
        ward.ladder(LadderStep(after_s=0, to=to))
        await ward.start()
        ward.alert()
        await ward.look_at(0)
        assert ward.told() == [(0, "pager")]
        assert told_at_once(ward, "pager")

    asyncio.run(scene())
