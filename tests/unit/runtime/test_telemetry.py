"""Metrics come from one table; health and readiness answer over HTTP and say why not."""

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from runtime.metrics_table import METRICS, Label, Metric, MetricKind
from runtime.telemetry import Telemetry, TelemetryServer
from vitals.errors import ConfigurationError

TABLE = (
    *METRICS,
    Metric(
        name="wardlight_test_refused_total",
        kind=MetricKind.COUNTER,
        help="Things refused.",
        labels=(Label(name="reason", values="this file"),),
    ),
    Metric(name="wardlight_test_lag_records", kind=MetricKind.GAUGE, help="Things behind."),
    Metric(name="wardlight_test_wait_seconds", kind=MetricKind.HISTOGRAM, help="Time waited."),
)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(TABLE)


@pytest.fixture
def server(telemetry: Telemetry) -> Iterator[TelemetryServer]:
    serving = telemetry.start_http("127.0.0.1", 0)
    yield serving
    serving.close()


def get(server: TelemetryServer, path: str) -> tuple[int, str]:
    """Status and body of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_counts_gauges_and_observations_are_scraped(telemetry: Telemetry, server: TelemetryServer) -> None:
    telemetry.count("wardlight_test_refused_total", reason="malformed")
    telemetry.count("wardlight_test_refused_total", 2, reason="malformed")
    telemetry.set("wardlight_test_lag_records", 7)
    telemetry.observe("wardlight_test_wait_seconds", 0.02)
    status, page = get(server, "/metrics")
    assert status == 200
    assert 'wardlight_test_refused_total{reason="malformed"} 3.0' in page
    assert "wardlight_test_lag_records 7.0" in page
    assert "wardlight_test_wait_seconds_count 1.0" in page


def test_values_can_be_read_back(telemetry: Telemetry) -> None:
    assert telemetry.value("wardlight_test_refused_total", reason="malformed") == 0
    telemetry.count("wardlight_test_refused_total", reason="malformed")
    telemetry.observe("wardlight_test_wait_seconds", 3)
    assert telemetry.value("wardlight_test_refused_total", reason="malformed") == 1
    assert telemetry.value("wardlight_test_wait_seconds") == 1


def test_a_name_that_is_not_in_the_table_is_a_programmers_error(telemetry: Telemetry) -> None:
    with pytest.raises(KeyError):
        telemetry.count("wardlight_test_unheard_of_total")
    with pytest.raises(KeyError):
        telemetry.set("wardlight_test_refused_total", 1)
    with pytest.raises(KeyError):
        telemetry.value("wardlight_test_unheard_of_total")


def test_two_processes_worth_of_telemetry_do_not_share_counts(telemetry: Telemetry) -> None:
    telemetry.set("wardlight_test_lag_records", 7)
    assert Telemetry(TABLE).value("wardlight_test_lag_records") == 0


def test_nothing_is_ready_before_a_component_says_so(telemetry: Telemetry, server: TelemetryServer) -> None:
    assert get(server, "/readyz")[0] == 503
    telemetry.ready("mqtt")
    assert get(server, "/readyz")[0] == 200


def test_one_unready_component_makes_the_process_unready_and_says_why(
    telemetry: Telemetry, server: TelemetryServer
) -> None:
    telemetry.ready("mqtt")
    telemetry.not_ready("log", "no broker answers")
    status, body = get(server, "/readyz")
    assert status == 503
    assert json.loads(body) == {"ready": False, "components": {"mqtt": None, "log": "no broker answers"}}
    assert telemetry.value("wardlight_process_ready", component="log") == 0
    telemetry.ready("log")
    assert get(server, "/readyz")[0] == 200
    assert telemetry.value("wardlight_process_ready", component="log") == 1


def test_a_process_without_a_loop_is_alive(server: TelemetryServer) -> None:
    assert get(server, "/healthz")[0] == 200


@pytest.mark.asyncio
async def test_a_turning_event_loop_is_alive_and_a_stuck_one_is_not(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.telemetry.LOOP_ANSWER_S_MAX", 0.05)
    server = telemetry.start_http("127.0.0.1", 0)
    try:
        assert (await asyncio.get_running_loop().run_in_executor(None, get, server, "/healthz"))[0] == 200
        assert get(server, "/healthz")[0] == 503, "this very call keeps the loop from turning"
    finally:
        server.close()


def test_an_unknown_page_says_what_there_is(server: TelemetryServer) -> None:
    status, body = get(server, "/")
    assert status == 404
    assert "/metrics" in body


def test_a_taken_port_is_one_sentence_that_says_what_to_do(telemetry: Telemetry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{port}.*telemetry\.port"):
            telemetry.start_http("127.0.0.1", port)


def test_closing_frees_the_port_and_ends_the_thread(telemetry: Telemetry) -> None:
    server = telemetry.start_http("127.0.0.1", 0)
    server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "telemetry-http"]
