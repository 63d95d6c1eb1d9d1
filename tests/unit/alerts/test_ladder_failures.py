"""What fails in a way that nobody foresaw, or cannot be read, holds up no other alert, and is counted."""

import asyncio

import pytest
from sqlalchemy import text

from alerts.ladder_paging import pager
from alerts.ladder_runner import Paging
from runtime.bus import Incoming
from storage.session import Connection
from tests.support.alert_transitions import an_alert, resolved
from tests.support.ladder_scene import LadderScene, a_ward
from vitals.codec import encode
from vitals.errors import Unusable


class Unforeseen(Exception):
    """A mistake of ours."""


async def with_five_alerts() -> LadderScene:
    """Of five patients, e0 to e4."""
    ward = await a_ward()
    for number in range(5):
        ward.alert(an_alert(episode=f"e{number}", patient=f"p{number}"))
    return ward


def test_an_alert_whose_steps_cannot_be_read_keeps_no_other_from_climbing() -> None:
    async def scene() -> None:
        ward = await a_ward()
        ward.alert(an_alert())
        ward.alert(an_alert(episode="e2", patient="p-2"))
        with ward.database.transaction() as conn:
            conn.execute(text("UPDATE transitions SET record = :record WHERE episode_id = 'e1'"), {"record": b"{}"})
        assert await ward.look_at(0) == 1
        assert not ward.steps("e1")
        assert [step.step for step in ward.steps("e2")] == [0]

    asyncio.run(scene())


def test_an_alert_whose_step_fails_holds_up_no_other_and_no_engine() -> None:
    async def scene() -> None:
        ward = await with_five_alerts()
        real = pager(expires_s=60)

        def fails_for_one(conn: Connection, paging: Paging, now_ms: int) -> None:
            if paging.step.episode_id == "e2":
                raise Unforeseen
            real(conn, paging, now_ms)

        await ward.start(fails_for_one)
        assert await ward.handler.idle() == ()
        assert [len(ward.steps(f"e{number}")) for number in range(5)] == [1, 1, 0, 1, 1]
        assert ward.telemetry.value("wardlight_alerts_ladder_failures_total") == 1
        assert not ward.telemetry.is_ready
        await ward.start()
        assert await ward.look_at(1) == 1
        ward.clock.pass_s(60)
        assert await ward.handler.idle() == ()
        assert ward.telemetry.is_ready

    asyncio.run(scene())


def test_a_damaged_table_of_ladders_is_told_and_does_not_end_what_raises_alarms() -> None:
    async def scene() -> None:
        ward = await a_ward()
        ward.alert(an_alert())

        def damaged(_conn: Connection, _paging: Paging, _now_ms: int) -> None:
            raise Unusable("The database ward.db is damaged.")

        await ward.start(damaged)
        assert await ward.handler.idle() == ()
        assert ward.telemetry.value("wardlight_alerts_ladder_failures_total") == 1
        assert not ward.telemetry.is_ready

    asyncio.run(scene())


def test_an_alert_that_cannot_be_decided_on_holds_up_no_other_and_is_on_record() -> None:
    async def scene() -> None:
        ward = await with_five_alerts()
        await ward.look_at(0)
        with ward.database.transaction() as conn:
            conn.execute(text("UPDATE ladder_steps SET evidence = 'of_a_later_release' WHERE episode_id = 'e2'"))
        ward.clock.pass_s(60)
        assert await ward.handler.idle() == ()
        assert [len(ward.steps(f"e{number}")) for number in (0, 1, 3, 4)] == [2, 2, 2, 2]
        assert ward.telemetry.value("wardlight_alerts_ladder_failures_total") == 1
        assert ward.telemetry.value("wardlight_alerts_ladder_climbing_count") == 4

    asyncio.run(scene())


def test_an_end_that_cannot_be_told_keeps_no_other_end_from_those_who_were_told() -> None:
    async def scene() -> None:
        ward = await a_ward()
        alerts = [an_alert(episode=f"e{number}", patient=f"p{number}") for number in range(3)]
        ward.alert(*alerts)
        await ward.look_at(0)
        with ward.database.transaction() as conn:
            conn.execute(text("UPDATE ladder_steps SET told = 'of a later release' WHERE episode_id = 'e1'"))
        await ward.hear(*(resolved(alert, at_s=10) for alert in alerts))
        assert ward.news() == [("resolved", "to-kim")] * 2

    asyncio.run(scene())


def test_a_record_that_cannot_be_read_is_passed_over_and_counted() -> None:
    async def scene() -> None:
        ward = await a_ward()
        raised = an_alert()
        ward.alert(raised)
        await ward.look_at(0)
        over = resolved(raised, at_s=10)
        records = [Incoming("alerts", 0, offset, b"p", value) for offset, value in enumerate([b"{}", encode(over)])]
        await ward.handler.handle(records)
        assert ward.news() == [("resolved", "to-kim")]
        assert ward.telemetry.value("wardlight_alerts_malformed_records_total", topic="alerts") == 1

    asyncio.run(scene())


def test_an_end_forgotten_before_the_database_has_it_is_counted_and_one_that_it_has_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("alerts.ladder_runner._HEARD_MAX", 2)

    async def scene() -> None:
        ward = await a_ward()
        ends = [resolved(an_alert(episode=f"e{number}", patient=f"p{number}"), at_s=1) for number in range(5)]
        for end in ends[:2]:
            ward.alert(end)
            await ward.hear(end)
        await ward.look_at(1)
        await ward.hear(*ends[2:4])
        assert ward.telemetry.value("wardlight_alerts_ladder_ends_forgotten_total") == 0
        await ward.hear(ends[4])
        assert ward.telemetry.value("wardlight_alerts_ladder_ends_forgotten_total") == 1

    asyncio.run(scene())
