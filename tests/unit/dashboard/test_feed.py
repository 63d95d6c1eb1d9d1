"""The live feed: snapshot, then the log from its positions; browsers told without gap or double, and never waited for."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from dashboard.fanout import Browser, Fanout, Interest, Told
from dashboard.feed import Feed
from dashboard.settings import DashboardSettings
from dashboard.snapshot import Snapshot
from dashboard.ward import Bed, Seed
from runtime.blocking import InlineDoor
from runtime.bus import Outgoing, Positions, Reader, TopicPartition, partition_of
from runtime.clock import SystemClock
from runtime.local_bus import LocalBus
from runtime.telemetry import Telemetry
from tests.support.builders import at_ms, reading
from tests.support.ward_scene import transition
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.codec import encode
from vitals.errors import Unavailable
from vitals.fault import SYSTEM_WARD, subject_of
from vitals.reading import DeviceId, PatientId, WardId, Withdrawn
from vitals.sign import Sign
from vitals.topics import LogTopic

pytestmark = pytest.mark.asyncio
P1 = PatientId("p1")
BED = Bed(patient_id=P1, ward_id=WardId("w1"), bed="1", name="Ada")
GUARD_S = 30
"""For what must come at once; says nothing of how soon, on a machine with other work."""
SETTINGS = DashboardSettings(publish_interval_s=0.1, registry_interval_s=0.2, heartbeat_s=0.5, backoff_s_max=0.1)


@dataclass
class ListedSource:
    """Snapshots out of a list; the last one stays."""

    snapshots: list[Snapshot | Unavailable]
    register: Sequence[Bed] = (BED,)
    asked: int = field(default=0)
    recorded: int = 0
    """How far SQL holds topic `readings`."""

    async def snapshot(self) -> Snapshot:
        self.asked += 1
        found = self.snapshots[min(self.asked, len(self.snapshots)) - 1]
        if isinstance(found, Unavailable):
            raise found
        return found

    async def beds(self, *, again: bool) -> Sequence[Bed] | None:
        return self.register if again else None

    async def holds(self, positions: Positions) -> bool:
        return all(position <= self.recorded for position in positions.values())


@dataclass
class Bench:
    bus: LocalBus
    feed: Feed
    fanout: Fanout
    source: ListedSource
    telemetry: Telemetry

    async def until_live(self) -> None:
        while not self.feed.is_live:
            await asyncio.wait_for(self.turn(), GUARD_S)

    async def turn(self) -> None:
        await SystemClock().sleep(0.01)


@contextlib.asynccontextmanager
async def running(
    *snapshots: Snapshot | Unavailable, before: Sequence[Outgoing] = (), settings: DashboardSettings = SETTINGS
) -> AsyncIterator[Bench]:
    clock, telemetry = SystemClock(), Telemetry()
    bus = await LocalBus.open(None, partitions=3, door=InlineDoor(), clock=clock)
    await bus.publish(before)
    source = ListedSource(list(snapshots or [Snapshot(seeds=[Seed(bed=BED)])]))
    fanout = Fanout(
        browsers_max=3, per_owner_max=2, rounds_max=8, bytes_max=1_000_000, telemetry=telemetry, instance="test"
    )
    feed = Feed(bus=bus, source=source, clock=clock, fanout=fanout, settings=settings, telemetry=telemetry)
    stopping = asyncio.Event()
    task = asyncio.create_task(feed.run(stopping))
    try:
        yield Bench(bus=bus, feed=feed, fanout=fanout, source=source, telemetry=telemetry)
    finally:
        stopping.set()
        await task
        await bus.close()


def heard(second: int, heart_rate_bpm: float = 75) -> Outgoing:
    return Outgoing(LogTopic.READINGS, P1.encode(), encode(reading(at_s=second, heart_rate_bpm=heart_rate_bpm)))


async def events_of(browser: Browser, name: str) -> list[dict[str, Any]]:
    """The events of this name in the next round that has one."""
    while True:
        published = await asyncio.wait_for(browser.next_round(), GUARD_S)
        assert published is not None
        lines = [event.split("\n") for event in published.decode().strip().split("\n\n")]
        found = [json.loads(data.removeprefix("data: ")) for _, kind, data in lines if kind == f"event: {name}"]
        if found:
            return found


async def event_of(browser: Browser, name: str) -> dict[str, Any]:
    """The only event of this name in the next round that has one."""
    (found,) = await events_of(browser, name)
    return found


async def test_a_browser_gets_a_snapshot_and_then_what_changes() -> None:
    async with running(before=[heard(1, heart_rate_bpm=71)]) as bench:
        await bench.until_live()
        browser = bench.feed.connect(Interest())
        (tile,) = (await event_of(browser, "snapshot"))["tiles"]
        assert tile["signs"]["heart_rate_bpm"]["value"] == 71
        await bench.bus.publish([heard(2, heart_rate_bpm=72)])
        changed = await event_of(browser, "tile")
        assert changed["signs"]["heart_rate_bpm"]["value"] == 72
        assert changed["trend_from_ms"] == at_ms(0)


async def test_the_log_is_followed_from_the_snapshots_positions() -> None:
    place = TopicPartition(LogTopic.READINGS, partition_of(P1.encode(), 3))
    log = [heard(second, heart_rate_bpm=70 + second) for second in range(4)]
    async with running(Snapshot(seeds=[Seed(bed=BED)], positions={place: 2}), before=log) as bench:
        await bench.until_live()
        patient = bench.feed.ward.patients[P1]
        assert list(patient.recent_ids) == ["d1/b1/2000", "d1/b1/3000"]


async def test_events_of_one_patient_are_coalesced_and_none_of_its_readings_is_lost() -> None:
    async with running() as bench:
        await bench.until_live()
        page = bench.feed.connect(Interest(patient_id=P1))
        await bench.bus.publish([heard(second, heart_rate_bpm=70) for second in range(50)])
        found: list[int] = []
        events = 0
        while len(found) < 50:
            event = await event_of(page, "patient")
            events += 1
            found += [sample["measured_at_ms"] for sample in event["samples"]]
        assert found == [at_ms(second) for second in range(50)]
        assert events <= 3


def low_saturation(second: int, step: TransitionKind = TransitionKind.RAISED) -> Outgoing:
    """A step of the first patient's alert."""
    told = transition(
        P1, AlertKind.SPO2_LOW, step, priority=Priority.HIGH, text="low", at_ms=at_ms(second), raised_at_ms=at_ms(0)
    )
    return Outgoing(LogTopic.ALERTS, P1.encode(), encode(told))


SLOW = SETTINGS.model_copy(update={"poll_records_max": 1, "publish_interval_s": 10.0, "catch_up_s": 0.0})
"""Comes to one record at a time and tells of values each ten seconds only."""


async def test_an_alert_is_told_before_the_readings_that_were_there_earlier() -> None:
    async with running(settings=SLOW) as bench:
        await bench.until_live()
        board = bench.feed.connect(Interest())
        for start in range(0, 10_000, 2000):
            await bench.bus.publish([heard(second) for second in range(start, start + 2000)])
        await bench.bus.publish([low_saturation(0)])
        tile = await event_of(board, "tile")
        assert [alert["kind"] for alert in tile["alerts"]] == ["spo2-low"]
        assert bench.feed.seen["readings"] < 10_000


async def test_a_ward_is_shown_with_every_alert_before_it_has_come_to_all_readings() -> None:
    before = [heard(second) for second in range(10_000)] + [low_saturation(0)]
    async with running(before=before, settings=SLOW) as bench:
        board = bench.feed.connect(Interest())
        while not (tiles := (shown := await event_of(board, "snapshot"))["tiles"]):
            pass
        assert [alert["kind"] for alert in tiles[0]["alerts"]] == ["spo2-low"]
        assert (shown["clock"]["live"], bench.feed.seen["readings"] < 10_000) == (False, True)
        assert "still being read" in shown["clock"]["why_not_live"]
        await bench.until_live()
        while not (await event_of(board, "clock"))["live"]:
            pass
        assert bench.feed.seen["readings"] == 10_000


async def test_a_log_that_does_not_answer_is_not_called_live_though_its_reader_hears_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(settings=SETTINGS.model_copy(update={"stuck_after_s": 0.5, "heartbeat_s": 0.1})) as bench:
        await bench.until_live()
        stopping = asyncio.Event()
        watching = asyncio.create_task(bench.feed.watch(stopping))

        async def away(_: Sequence[str]) -> dict[TopicPartition, int]:
            raise Unavailable("Kafka does not answer.")

        with monkeypatch.context() as frozen:
            frozen.setattr(bench.bus, "ends", away)
            while bench.feed.is_live:
                await asyncio.wait_for(bench.turn(), GUARD_S)
            assert bench.feed.why_not_live == "The log does not answer."
        await bench.until_live()
        stopping.set()
        await watching


async def test_where_the_second_reader_cannot_be_had_the_first_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as bench:
        await bench.until_live()
        first = await bench.bus.reader(group=None, topics=(LogTopic.ALERTS,))
        left = [first]

        async def reader(**_: object) -> Reader:
            if not left:
                raise Unavailable("The log is away.")
            return left.pop()

        monkeypatch.setattr(bench.bus, "reader", reader)
        with pytest.raises(Unavailable):
            await bench.feed._readers()
        with pytest.raises(Unavailable, match="closed"):
            await first.poll(records_max=1, timeout_s=0)
        monkeypatch.undo()


async def test_a_browser_hears_only_of_what_it_asked_for() -> None:
    other = Bed(patient_id=PatientId("p2"), ward_id=WardId("w2"), bed="1", name="Grace")
    async with running(Snapshot(seeds=[Seed(bed=BED), Seed(bed=other)])) as bench:
        await bench.until_live()
        board = bench.feed.connect(Interest(ward_id=WardId("w2")))
        assert [tile["name"] for tile in (await event_of(board, "snapshot"))["tiles"]] == ["Grace"]
        await bench.bus.publish([heard(1), Outgoing(LogTopic.READINGS, b"p2", encode(reading(patient="p2")))])
        assert (await event_of(board, "tile"))["patient_id"] == "p2"


def of_wardlight(step: TransitionKind, second: int) -> Outgoing:
    """A step of an alert that the recorder stands still."""
    told = transition(
        subject_of("recorder"), AlertKind.WORKER_DOWN, step, priority=Priority.HIGH, text=step.value,
        at_ms=at_ms(second), raised_at_ms=at_ms(1), ward=SYSTEM_WARD,
    )  # fmt: skip
    return Outgoing(LogTopic.ALERTS, told.patient_id.encode(), encode(told))


async def test_alerts_about_wardlight_itself_reach_every_stream_and_stand_in_every_snapshot() -> None:
    async with running(before=[of_wardlight(TransitionKind.RAISED, 1)]) as bench:
        await bench.until_live()
        interests = (Interest(ward_id=WardId("elsewhere")), Interest(patient_id=P1), Interest(wards=frozenset()))
        browsers = [bench.feed.connect(interest) for interest in interests]
        for browser in browsers:
            first = await event_of(browser, "snapshot")
            assert [alert["kind"] for alert in first["system"]["alerts"]] == ["worker-down"]
            assert "worker-down" not in str(first["tiles"])
        await bench.bus.publish([of_wardlight(TransitionKind.RESOLVED, 2)])
        for browser in browsers:
            assert (await event_of(browser, "system"))["alerts"] == []


async def test_a_slow_browser_is_cut_off_and_counted_and_the_others_go_on() -> None:
    async with running() as bench:
        await bench.until_live()
        slow, quick = bench.feed.connect(Interest()), bench.feed.connect(Interest())
        for number in range(12):
            bench.fanout.publish(Told(bench.fanout.event("clock", {"n": number}), lambda _: True))
            await event_of(quick, "clock")
        assert await slow.next_round() is None
        assert bench.fanout.browser_count == 1
        assert bench.telemetry.value("wardlight_dashboard_browsers_cut_off_total") == 1


async def test_what_waits_for_a_browser_is_bounded_in_bytes_and_one_round_of_any_size_is_taken() -> None:
    telemetry = Telemetry()
    fanout = Fanout(browsers_max=1, per_owner_max=1, rounds_max=8, bytes_max=100, telemetry=telemetry, instance="test")
    browser = fanout.open(Interest(), b"x" * 1000)
    assert await browser.next_round() == b"x" * 1000
    for _ in range(5):
        fanout.publish(Told(b"y" * 40, lambda _: True), Told(b"z" * 40, lambda _: True))
        assert await browser.next_round() == b"y" * 40 + b"z" * 40
    for _ in range(2):
        fanout.publish(Told(b"y" * 80, lambda _: True))
    assert await browser.next_round() is None
    assert telemetry.value("wardlight_dashboard_browsers_cut_off_total") == 1


async def test_nobody_is_cut_off_because_many_patients_change_at_once() -> None:
    names = [PatientId(f"p{number}") for number in range(40)]
    beds = [Seed(bed=Bed(patient_id=name, ward_id=WardId("w1"), bed=name, name=name)) for name in names]
    async with running(Snapshot(seeds=beds)) as bench:
        await bench.until_live()
        board = bench.feed.connect(Interest())
        for second in range(4):
            await bench.bus.publish(
                [
                    Outgoing(LogTopic.READINGS, name.encode(), encode(reading(patient=name, at_s=second)))
                    for name in names
                ]
            )
            while bench.feed.seen["readings"] < 40 * (second + 1):
                await bench.turn()
            bench.feed.flush()
        shown = dict.fromkeys(names, 0)
        while min(shown.values()) < at_ms(3):
            for tile in await events_of(board, "tile"):
                shown[tile["patient_id"]] = tile["measured_at_ms"]
        assert bench.fanout.browser_count == 1


async def test_more_browsers_than_the_bound_are_refused() -> None:
    async with running() as bench:
        for _ in range(3):
            bench.feed.connect(Interest())
        with pytest.raises(Unavailable):
            bench.feed.connect(Interest())


async def test_a_database_that_does_not_answer_shows_as_not_live_and_recovers_by_itself() -> None:
    async with running(Unavailable("The database is away."), Snapshot(seeds=[Seed(bed=BED)])) as bench:
        browser = bench.feed.connect(Interest())
        first = await event_of(browser, "snapshot")
        assert (first["clock"]["live"], first["tiles"]) == (False, [])
        again = await event_of(browser, "snapshot")
        assert again["clock"]["live"] is True
        assert [tile["name"] for tile in again["tiles"]] == ["Ada"]
        assert bench.telemetry.value("wardlight_dashboard_feed_restarts_total", code="unavailable") == 1


async def test_a_log_that_does_not_reach_the_snapshot_makes_a_new_snapshot() -> None:
    beyond = {TopicPartition(LogTopic.READINGS, 0): 1000}
    async with running(Snapshot(seeds=[], positions=beyond), Snapshot(seeds=[Seed(bed=BED)])) as bench:
        await bench.until_live()
        assert bench.source.asked == 2
        assert bench.telemetry.value("wardlight_dashboard_feed_restarts_total", code="out_of_range") == 1


async def test_a_record_that_is_not_one_is_skipped_and_counted() -> None:
    async with running(before=[Outgoing(LogTopic.READINGS, P1.encode(), b"noise"), heard(1)]) as bench:
        await bench.until_live()
        assert Sign.HEART_RATE in bench.feed.ward.patients[P1].signs
        assert bench.telemetry.value("wardlight_dashboard_malformed_records_total") == 1


async def test_a_new_patient_appears_and_one_who_left_is_forgotten() -> None:
    async with running(Snapshot(seeds=[])) as bench:
        await bench.until_live()
        browser = bench.feed.connect(Interest())
        gone = Outgoing(LogTopic.READINGS, b"p9", encode(reading(patient="p9")))
        await bench.bus.publish([heard(1), gone])
        assert (await event_of(browser, "tile"))["name"] == "Ada"
        assert set(bench.feed.ward.patients) == {"p1"}


async def test_closing_ends_every_stream_at_once_and_refuses_new_ones() -> None:
    async with running() as bench:
        await bench.until_live()
        browser = bench.feed.connect(Interest())
        bench.fanout.close()
        assert await browser.next_round() is None
        with pytest.raises(Unavailable):
            bench.feed.connect(Interest())


async def test_readings_that_are_taken_back_vanish_at_once_and_the_ward_is_read_anew_once_sql_has_it() -> None:
    taken_back = Withdrawn("c-1", P1, DeviceId("d1"), at_ms(2), at_ms(9), at_ms(9), "Nurse One", "mixed up")
    async with running(before=[heard(1, 70), heard(2, 71)]) as bench:
        await bench.until_live()
        page = bench.feed.connect(Interest(patient_id=P1))
        await event_of(page, "snapshot")
        await bench.bus.publish([Outgoing(LogTopic.READINGS, P1.encode(), encode(taken_back))])
        told = await event_of(page, "patient")
        assert Sign.HEART_RATE.value not in told["tile"]["signs"]
        assert told["tile"]["measured_at_ms"] is None
        assert told["samples_dropped"]
        asked = bench.source.asked
        await SystemClock().sleep(0.5)
        assert bench.source.asked == asked
        await bench.bus.publish([heard(10, 72)])
        await SystemClock().sleep(0.5)
        bench.source.recorded = 3
        await SystemClock().sleep(0.5)
        assert bench.source.asked == asked, "SQL has the withdrawal, and not yet what the page shows"
        bench.source.recorded = 4
        await event_of(page, "snapshot")
        assert bench.source.asked == asked + 1
        assert bench.feed.is_live
