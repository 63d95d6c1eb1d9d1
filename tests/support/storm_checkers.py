"""What must hold of a ward in a storm after every second; each a function of the ward that says what is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from alerts.worker import AlertsHandler
from runtime.mqtt_inbox import SessionLimits
from stream.worker import StreamHandler
from tests.support.storm_fleet import KEPT_MAX
from tests.support.storm_ward import Checker, StormWard

UNSTORED_STEPS_MAX = 500
"""Of one alert worker between two commits; a batch of 500 records seldom makes as many."""
SNAPSHOT_BYTES_MAX = 65_536
"""Of one patient's state in SQL; stream/settings.py speaks of less than 40 kB."""


_OPEN_TWICE = (
    "SELECT patient_id, kind, count(*) FROM episodes WHERE resolved_at_ms IS NULL"
    " GROUP BY patient_id, kind HAVING count(*) > 1"
)


def receipted_is_in_the_log(ward: StormWard) -> Iterator[str]:
    """No reading is receipted and lost."""
    missing = sorted(set(ward.fleet.receipted_ids()) - ward.log.readings.keys())
    if missing:
        yield f"{len(missing)} readings are receipted and not in the log, such as {missing[0]}"
    if ward.log.rejected:
        yield f"refused: {min(ward.log.rejected)}"


def one_open_episode(ward: StormWard) -> Iterator[str]:
    """At most one episode is open per patient and kind, by the log and by SQL; steps never contradict each other."""
    yield from ward.log.complaints.sentences
    with ward.database.snapshot() as conn:
        twice = conn.exec_driver_sql(_OPEN_TWICE).all()
    for patient_id, kind, count in twice:
        yield f"SQL holds {count} open episodes of {patient_id}, {kind}"


def breaches_alarm_in_time(ward: StormWard) -> Iterator[str]:
    """Each breach is alarmed in time, or visibly suppressed; and nothing is alarmed without a breach."""
    for due in ward.overdue():
        there = [
            (step.kind.value, step.transition.value, step.priority.value, step.at_ms, step.suppression)
            for steps in ward.log.steps.values()
            for step in steps
            if step.patient_id == due.patient_id and step.kind in due.kinds
        ]
        yield f"{due} does not stand, or nobody was told; steps: {there}"
    yield from ward.ungrounded


def scored_once(ward: StormWard) -> Iterator[str]:
    """Whatever crashed, a reading's assessment says the same each time."""
    for reading_id, bodies in ward.log.bodies.items():
        if len(bodies) > 1:
            yield f"{reading_id} was assessed in {len(bodies)} ways: {sorted(bodies)}"


def memory_is_bounded(ward: StormWard) -> Iterator[str]:
    """Every queue, cache and book keeps its bound."""
    for what, held, bound in _held(ward):
        if held > bound:
            yield f"{what} hold {held}, more than {bound}"


def _held(ward: StormWard) -> Iterator[tuple[str, int, int]]:
    pace = ward.storm.pace
    for device in ward.fleet.devices:
        yield "a device's memory", device.outbox.unreceipted, KEPT_MAX
    for place, tail in ward.bus._tails.items():
        yield f"the tail of {place.topic}", len(tail), pace.tail_records_max
    yield "publishes that wait", ward.bus._publishes._waiting_records, pace.publish_records_max
    yield "readers of the log", len(ward.bus._readers), 2 * len(ward.storm.services)
    for client_id in ("ingest", "alert-delivery"):
        session = ward.broker._sessions.get(client_id)
        if session is not None and session.port is not None:
            for brought in Counter(message.connection for message in session.port.inbox._held).values():
                # What earlier connections brought may still be held: each brings its own window.
                yield f"one connection's part of the inbox of {client_id}", brought, pace.in_flight_max
            yield f"the inbox of {client_id}", len(session.port.inbox), SessionLimits().held_messages_max
    yield from _held_by_services(ward)


def _held_by_services(ward: StormWard) -> Iterator[tuple[str, int, int]]:
    beds = len(ward.storm.beds)
    for name in ward.services.running():
        process = ward.services.process(name)
        if process is None:
            continue
        for browser in process.browsers:
            yield "a browser's queue", browser.queue.qsize(), ward.storm.pace.browser_rounds_max
        if process.feed is not None:
            limits = process.feed.ward.limits
            yield "patients on the screen", len(process.feed.ward.patients), beds
            for patient in process.feed.ward.patients.values():
                yield "remembered readings", len(patient.recent_ids), limits.recent_readings_max
                yield "ended alerts", len(patient.episodes.resolved), limits.resolved_kept
                for buckets in patient.trend.values():
                    yield "trend", len(buckets), limits.trend_window_ms // limits.trend_bucket_ms + 2
            for change in process.feed.ward._changes.values():
                yield "samples to tell", len(change.samples), limits.samples_max
        if name.startswith("stream") and process.worker is not None:
            scorer = process.worker._handler
            assert isinstance(scorer, StreamHandler)
            yield "live models", len(scorer.patients.live), beds
        if name.startswith("alerts") and process.worker is not None:
            engine = process.worker._handler
            assert isinstance(engine, AlertsHandler)
            held = sum(len(one.patients) for one in engine._partitions.values())
            yield "patients of the engine", held, beds
            yield "unstored steps", len(engine._untold), UNSTORED_STEPS_MAX
    with ward.database.snapshot() as conn:
        (largest,) = conn.exec_driver_sql("SELECT coalesce(max(length(blob)), 0) FROM states").one()
    yield "bytes of a state", largest, SNAPSHOT_BYTES_MAX


EVERY_SECOND: Mapping[str, Checker] = MappingProxyType(
    {
        "no reading is receipted and lost": receipted_is_in_the_log,
        "one open episode per patient and kind": one_open_episode,
        "each breach is alarmed in time": breaches_alarm_in_time,
        "restored scores equal undisturbed ones": scored_once,
        "memory is bounded": memory_is_bounded,
    }
)
