"""Kafka stands still: the page says so, though nothing fails, and follows it again once it goes on."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.migrate import upgrade
from tests.soak.page_watch import PageWatch
from tests.support.kafka_server import free_port, running_kafka
from tests.support.mosquitto_server import running_mosquitto
from tests.support.postgres_server import PostgresServer
from tests.support.processes import ServiceProcess
from tests.support.whole_path import hospital_environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def clocks(url: str) -> Iterator[dict[str, Any]]:
    """What the event stream says of time and of itself."""
    with httpx.stream("GET", url, timeout=10, trust_env=False) as answer:
        name = ""
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            name = value if field == "event" else name
            if field == "data" and name == "clock":
                yield json.loads(value)


def test_a_kafka_that_stands_still_is_told_on_the_page_until_it_goes_on(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with running_kafka() as kafka, running_mosquitto() as broker:
        port, url = free_port(), postgres_server.create_database()
        upgrade(url)
        environment = {
            **hospital_environment(
                broker.settings(),
                bootstrap=kafka.bootstrap,
                database_url=url,
                prefix=f"silent-{secrets.token_hex(4)}-",
            ),
            "WARDLIGHT_DASHBOARD__PORT": f"{port}",
            "WARDLIGHT_DASHBOARD__SIGN_IN": "guest",
        }
        dashboard = ServiceProcess(("dashboard",), environment, tmp_path / "dashboard.log")
        dashboard.start()
        try:
            PageWatch(port).until_live()
            told = clocks(f"http://127.0.0.1:{port}/api/v1/events")
            assert next(clock for clock in told if clock["live"])["why_not_live"] is None
            os.kill(kafka.pid, signal.SIGSTOP)
            try:
                told_so = next(clock for clock in told if not clock["live"])
                assert told_so["why_not_live"] == "The log does not answer."
                assert [next(told)["live"] for _ in range(8)] == [False] * 8
            finally:
                os.kill(kafka.pid, signal.SIGCONT)
            assert next(clock for clock in told if clock["live"])["why_not_live"] is None
        finally:
            dashboard.stop()
