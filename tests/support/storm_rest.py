"""What must hold of a ward that has come to rest after a storm: sets, a replay by fresh engines, and the screen."""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from alerts import worker as alerts_worker
from alerts.decision_cache import DecisionCache
from alerts.partition import PartitionAlerts
from alerts.place import Place
from dashboard.feed import _ward_of
from dashboard.snapshot import Snapshot
from dashboard.sql_source import SqlSource
from dashboard.tiles import tile
from dashboard.ward import Ward
from runtime.bus import TopicPartition
from runtime.telemetry import Telemetry
from storage import episodes
from tests.support.month_oracle import RANKS
from tests.support.storm_checkers import EVERY_SECOND
from tests.support.storm_scorer import fresh_scores
from tests.support.storm_ward import Checker, StormWard
from vitals.alert import Command, Transition, order_of
from vitals.assessment import Assessment
from vitals.codec import decode, decode_readings_record
from vitals.model_version import ModelSwitch
from vitals.reading import PatientId, Tick
from vitals.sign import Sign
from vitals.topics import ALERTS_FILTER, LogTopic, alert_topic

_SIGNS = ", ".join(sign.value for sign in Sign)
_STORED = f"SELECT reading_id, patient_id, measured_at_ms, {_SIGNS} FROM readings WHERE charted IS NULL"  # noqa: S608
_ALERTS = ALERTS_FILTER.removesuffix("#")


def sets_are_equal(ward: StormWard) -> Iterator[str]:
    """Made, receipted, in the log, stored and assessed are one set, value by value."""
    made = {name: one for name, one in ward.fleet.made.items() if name not in ward.fleet.lost_ids()}
    receipted = set(ward.fleet.receipted_ids())
    with ward.database.snapshot() as conn:
        rows = {row[0]: row for row in conn.exec_driver_sql(_STORED)}
        assessed = Counter(row[0] for row in conn.exec_driver_sql("SELECT reading_id FROM assessments"))
    for what, ids in (("receipted", receipted), ("stored", rows.keys()), ("assessed", assessed.keys())):
        missing = sorted(made.keys() - ids)
        if missing:
            yield f"{len(missing)} readings are not {what}, such as {missing[0]}"
    for name in sorted(rows.keys() - ward.fleet.made.keys()):
        yield f"{name} is stored, and no device made it"
    for name, row in rows.items():
        one = ward.fleet.made[name]
        values = {sign.value: value for sign, value in zip(Sign, row[3:], strict=True) if value is not None}
        expected = {sign: 0.0 if value == "A" else float(value) for sign, value in one.signs.items()}
        if (row[1], row[2], values) != (one.patient_id, one.measured_at_ms, expected):
            yield f"{name} is stored as {values}, and was {expected}"


def scores_equal_undisturbed(ward: StormWard) -> Iterator[str]:
    """A scorer that never crashed says the same of every reading in the log."""
    fresh = fresh_scores(ward)
    for reading_id in sorted(fresh.keys() ^ ward.log.bodies.keys()):
        yield f"{reading_id} is assessed {'live' if reading_id in ward.log.bodies else 'afresh'} only"
    for reading_id, body in fresh.items():
        if {body} != ward.log.bodies[reading_id]:
            yield f"{reading_id} was assessed as {ward.log.bodies[reading_id]}, and afresh as {body!r}"


def replay_equals_live(ward: StormWard) -> Iterator[str]:
    """The log from its beginning, before an engine that never crashed: the same episodes, onsets, ends and steps."""
    live, replayed = ward.log.steps, _replayed(ward)
    for name in sorted(live.keys() ^ replayed.keys()):
        side = "live" if name in live else "by the replay"
        steps = live.get(name) or replayed[name]
        yield f"{name} was raised {side} only: {steps[0]}"
    for name in sorted(live.keys() & replayed.keys()):
        yield from _differing(live[name], replayed[name])


def screen_equals_storage(ward: StormWard) -> Iterator[str]:
    """What the screen shows is what a screen would show that had just been opened on SQL."""
    process = ward.services.process("dashboard")
    if process is None or process.feed is None:
        yield "there is no screen"
        return
    shown = process.feed.ward
    source = SqlSource(
        database=ward.database, door=process._ports.door, clock=ward.clock, limits=process._storm.dashboard.ward_limits
    )
    snapshot: Snapshot = source._read(ward.clock.now_ms())
    stored = _ward_of(snapshot, process._storm.dashboard)
    now_ms = ward.clock.now_ms()
    if shown.patients.keys() != stored.patients.keys():
        yield f"the screen shows {sorted(shown.patients)}, storage {sorted(stored.patients)}"
    for patient_id in sorted(shown.patients.keys() & stored.patients.keys()):
        on_screen, in_sql = (_tile(one, patient_id, now_ms) for one in (shown, stored))
        yield from (f"{patient_id}: {difference}" for difference in _differences(on_screen, in_sql, ""))


def _differences(shown: Any, stored: Any, at: str) -> Iterator[str]:
    if isinstance(shown, dict) and isinstance(stored, dict) and shown.keys() == stored.keys():
        for name, value in shown.items():
            yield from _differences(value, stored[name], f"{at}.{name}")
    elif shown != stored:
        yield f"the screen shows {at} {shown}, storage has {stored}"


def subscribers_see_storage(ward: StormWard) -> Iterator[str]:
    """What stands retained under the alert topics is what SQL holds open, where delivery runs."""
    if ward.services.process("alert-delivery") is None:
        return
    standing = {
        topic: decode(Transition, payload).episode_id
        for topic, payload in ward.broker.retained.items()
        if topic.startswith(_ALERTS)
    }
    with ward.database.snapshot() as conn:
        opened = {
            alert_topic(episode.ward_id, episode.patient_id, episode.kind): episode.episode_id
            for episode in episodes.open_episodes(conn)
        }
    for topic in sorted(standing.keys() | opened.keys()):
        if standing.get(topic) != opened.get(topic):
            yield f"under {topic} stands {standing.get(topic)}, and in SQL {opened.get(topic)}"


def _tile(ward: Ward, patient_id: PatientId, now_ms: int) -> dict[str, Any]:
    """A tile without what SQL knows only about: how often signs come, and the values of the line."""
    found = tile(ward.patients[patient_id], ward.limits, now_ms=now_ms)
    for part in (found, found["assessment"] or {}, *found["signs"].values()):
        part.pop("stale_after_ms", None)
    # A line just drawn from SQL shows the mean of ten seconds, one that is followed the last value: the same moments.
    found["trend"] = {sign: [point[0] for point in points] for sign, points in found["trend"].items()}
    return found


def _replayed(ward: StormWard) -> dict[str, list[Transition]]:
    """Steps by episode, of fresh engines over all that the live ones read, in the order in which the log got it."""
    cache = DecisionCache(database=ward.database, clock=ward.clock, telemetry=Telemetry(), reach_ms=86_400_000)
    cache.renew()
    places = {patient_id: Place(ward_id) for patient_id, ward_id in ward.storm.beds}
    engines = [PartitionAlerts(cache, places.__getitem__, patients_max=1000) for _ in range(ward.storm.partitions)]
    read = ward.positions(alerts_worker.GROUP)
    steps: dict[str, list[Transition]] = {}
    known: set[str] = set()
    for record in ward.log.records:
        if record.topic not in alerts_worker.TOPICS:
            continue
        if record.offset >= read.get(TopicPartition(record.topic, record.partition), 0):
            continue
        for step in _stepped(engines[record.partition], record.topic, record.value):
            if step.transition_id not in known:
                known.add(step.transition_id)
                steps.setdefault(step.episode_id, []).append(step)
    return steps


def _stepped(engine: PartitionAlerts, topic: str, value: bytes) -> tuple[Transition, ...]:
    if topic == LogTopic.ASSESSMENTS:
        return engine.step(decode(Assessment, value))
    if topic == LogTopic.COMMANDS:
        return engine.step(decode(Command, value))
    told = decode_readings_record(value)
    if isinstance(told, ModelSwitch):
        return ()
    if isinstance(told, Tick):
        return () if told.probe else engine.tick(told)
    return engine.step(told)


def _differing(live: list[Transition], replayed: list[Transition]) -> Iterator[str]:
    """What differs of one episode: its beginning, or how it stands in the end."""
    first, again = live[0], replayed[0]
    if (first.onset_ms, first.raised_at_ms, first.kind) != (again.onset_ms, again.raised_at_ms, again.kind):
        yield f"raised as {first}, and by the replay as {again}"
    last, at_last = max(live, key=order_of), max(replayed, key=order_of)
    theirs = (at_last.is_open, at_last.active, at_last.acknowledged, RANKS[at_last.priority])
    if (last.is_open, last.active, last.acknowledged, RANKS[last.priority]) != theirs:
        yield f"in the end {last}, and by the replay {at_last}"


AT_REST: Mapping[str, Checker] = MappingProxyType(
    {
        **EVERY_SECOND,
        "no reading is lost, doubled or made up": sets_are_equal,
        "restored scores equal undisturbed ones, afresh": scores_equal_undisturbed,
        "replay equals live": replay_equals_live,
        "the screen equals storage": screen_equals_storage,
        "subscribers see what storage holds": subscribers_see_storage,
    }
)
