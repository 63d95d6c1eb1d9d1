"""Nothing in the services grows or goes on without end, but for what is named here with its bound; docs/limits.md names the settings."""

import functools
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from runtime.settings import Section
from tests.support.tree import ROOT, parsed, text
from tests.support.unbounded import unbounded

ROOMS = ("vitals", "runtime", "ingest", "stream", "alerts", "storage", "dashboard", "simulators", "wardlight")
WITH_SETTINGS = ("runtime", "ingest", "stream", "alerts", "alerts.channels", "storage", "dashboard", "simulators")

BOUNDED_ELSEWHERE: Mapping[str, str] = {
    "runtime/group_commit.py::GroupCommit.__init__": "one group: a publisher waits in line until its records fit",
    "runtime/kafka_bus.py::KafkaBus._known_topics": "our own topics",
    "runtime/kafka_clients.py::KafkaClients._unwanted": "a task takes itself out when it is done, within its request's time",
    "runtime/local_bus.py::LocalBus._beginnings": "one for each topic and partition",
    "runtime/local_bus.py::LocalBus._ends": "one for each topic and partition",
    "runtime/local_bus.py::LocalBus._groups": "one for each group of this process",
    "runtime/local_bus.py::LocalBus._tails": "one for each topic and partition, of tail_records_max",
    "runtime/mqtt_connection.py::Connection.__init__": "as many as callers wait for an answer; callers look at publish_room or publish one batch",
    "runtime/mqtt_inbox.py::Inbox.__init__": "ingest.held_messages_max and held_bytes_max: above them the socket is not read",
    "runtime/mqtt_inbox.py::Inbox._held": "as above; taken from under another name",
    "runtime/mqtt_inbox.py::Inbox._waiting": "as above; taken from under another name",
    "runtime/mqtt_session.py::MqttSession._filters": "the subscriptions of one service, made at its start",
    "runtime/outgoing_http.py::_trust": "one TLS context for each file of authorities that the settings name",
    "runtime/telemetry.py::Telemetry._counters": "runtime/metrics_table.py",
    "runtime/telemetry.py::Telemetry._gauges": "runtime/metrics_table.py",
    "runtime/telemetry.py::Telemetry._histograms": "runtime/metrics_table.py",
    "ingest/bridge.py::Bridge._failed": "the workers of one life that failed: publishes_in_flight_max",
    "ingest/receipts.py::Receipts._add": "ingest.receipt_runs_max over all devices: beyond it the oldest run is dropped",
    "stream/worker.py::_Tally.withheld": "signs and causes; a tally lives for one batch",
    "alerts/bundled_rules.py::default_book": "one answer: it takes no argument",
    "alerts/delivery.py::DeliveryHandler._send": "one batch of alerts.records_max",
    "alerts/retrospect.py::Retrospect._found": "FINDINGS_MAX",
    "alerts/rulebook_text.py::_Reader.keys": "one file of bounded size",
    "alerts/rulebook_text.py::_Reader.marks": "one file of bounded size",
    "alerts/symptoms.py::BacklogWatch._samples": "one for each stage, of SAMPLES_MAX",
    "alerts/worker.py::AlertsHandler.__init__": "one for each partition",
    "alerts/worker.py::AlertsHandler.claim": "one for each partition",
    "storage/archive.py::ArchiveWriter._members": "one for each table of a backup",
    "storage/ledger_entry.py::_Sheet._begun": "a sheet lives for one entering of at most jottings_per_entry",
    "storage/ledger_entry.py::_Sheet._boots": "a sheet lives for one entering of at most jottings_per_entry",
    "storage/notifications_telling.py::_Books._counted": "the books of one transaction's steps",
    "storage/notifications_telling.py::_Books._sent": "the books of one transaction's steps",
    "storage/notifications_telling.py::_Books._steps": "the books of one transaction's steps",
    "storage/stages.py::StageWatch._grown_s": "one for each topic and partition",
    "storage/stages.py::StageWatch._places": "one for each group, topic and partition",
    "storage/stages.py::_Place.__init__": "_SEEN_MAX",
    "dashboard/app.py::_routes": "one application for each process",
    "dashboard/feed.py::Feed.seen": "counts by a few names",
    "simulators/outbox.py::Outbox.__init__": "simulators.kept_readings_max: beyond it the oldest is lost on the device, and counted",
    "simulators/outbox.py::Outbox._slots": "as above; taken from under another name",
    "wardlight/api_client.py::_trust": "one TLS context for each file of authorities that a command names",
    "wardlight/command_line.py::_command": "one answer: it takes no argument",
}  # fmt: skip
"""What the finder cannot see the bound of, and what the bound is. A line that finds nothing any more must go."""


@functools.cache
def found() -> Mapping[str, set[str]]:
    """What the finder says of every module of the services, by place."""
    places: dict[str, set[str]] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            for finding in unbounded(name, parsed(name)):
                places.setdefault(finding.place, set()).add(finding.what)
    return places


def test_what_has_no_bound_that_can_be_seen_is_named_with_the_bound_it_has() -> None:
    unnamed = {place: what for place, what in found().items() if place not in BOUNDED_ELSEWHERE}
    assert unnamed == {}, "give it a bound by a named setting, or name the bound it has in BOUNDED_ELSEWHERE"


def test_no_excuse_outlives_what_it_excuses() -> None:
    assert BOUNDED_ELSEWHERE.keys() - found().keys() == set()


def sections() -> Iterator[type[BaseModel]]:
    """Every settings section, the simulators' last."""
    for room in WITH_SETTINGS:
        package = importlib.import_module(room)
        for module in pkgutil.iter_modules(list(package.__path__)):
            if "settings" in module.name or module.name == "ward_limits":
                importlib.import_module(f"{room}.{module.name}")
    waiting = [Section]
    while waiting:
        section = waiting.pop()
        waiting += section.__subclasses__()
        if section.__module__.partition(".")[0] in ROOMS:
            yield section


def test_every_limit_that_can_be_set_stands_in_the_page_of_limits() -> None:
    page = text("docs/limits.md")
    limits = {name for section in sections() for name in section.model_fields if name.endswith("_max")}
    assert limits, "there are limits"
    assert {name for name in limits if f"`{name}`" not in page and f".{name}`" not in page} == set()


@pytest.mark.parametrize("page", ["docs/limits.md"])
def test_the_page_of_limits_names_no_setting_that_is_gone(page: str) -> None:
    named = {
        word.strip("`").rpartition(".")[2]
        for word in text(page).split()
        if word.startswith("`") and word.endswith("_max`") and word != "`_max`"
    }
    settings = {name for section in sections() for name in section.model_fields}
    constants = set().union(*(_names(ROOT / room) for room in ROOMS))
    assert named - settings - constants == set()


def _names(directory: Path) -> set[str]:
    """Words that end in `_max` in the sources of a room: limits that are no settings."""
    return {
        word
        for path in directory.rglob("*.py")
        for word in path.read_text(encoding="utf-8").replace("(", " ").replace("=", " ").replace(":", " ").replace(".", " ").split()
        if word.endswith("_max")
    }  # fmt: skip
