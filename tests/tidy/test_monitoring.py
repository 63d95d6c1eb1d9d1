"""Dashboards and alert rules name metrics that exist, labels that they have, and pages of the runbook that are there."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from runtime.metrics_table import METRICS, MetricKind
from tests.support.tree import text, tracked

BOARDS = tuple(name for name in tracked() if name.startswith("deploy/grafana/dashboards/"))
RULES: list[dict[str, Any]] = yaml.safe_load(text("deploy/prometheus/rules.yml"))["groups"][0]["rules"]
NAME = re.compile(r"\bwardlight_[a-z0-9_]+")
BY = re.compile(r"\bby \(([^)]*)\)")
MATCHER = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"")
OF_PROMETHEUS = {"le", "job", "service", "instance"}


def series() -> dict[str, set[str]]:
    """Every time series we emit, and its labels."""
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        labels = {label.name for label in metric.labels}
        suffixes = ("_bucket", "_count", "_sum") if metric.kind is MetricKind.HISTOGRAM else ("",)
        found |= {metric.name + suffix: labels for suffix in suffixes}
    return found


def panels(board: str) -> Iterator[dict[str, Any]]:
    """The panels of one dashboard."""
    yield from json.loads(text(board))["panels"]


def expressions() -> list[tuple[str, str]]:
    """Every PromQL expression we ship, and where it stands."""
    shipped = [(f"rule {rule['alert']}", rule["expr"]) for rule in RULES]
    for board in BOARDS:
        shipped += [
            (f"{board}: {panel['title']}", each["expr"]) for panel in panels(board) for each in panel["targets"]
        ]
    return shipped


@pytest.mark.parametrize(("where", "expression"), expressions(), ids=lambda value: str(value)[:60])
def test_every_expression_names_series_and_labels_that_exist(where: str, expression: str) -> None:
    emitted = series()
    named = set(NAME.findall(expression))
    assert named <= emitted.keys(), where
    if not named:
        return
    labels = set.union(*(emitted[name] for name in named)) | OF_PROMETHEUS
    used = {label.strip() for group in BY.findall(expression) for label in group.split(",")}
    used |= set(MATCHER.findall(expression))
    assert used <= labels, where


def test_there_is_a_dashboard_for_each_question() -> None:
    titles = {json.loads(text(board))["title"].removeprefix("Wardlight · ") for board in BOARDS}
    assert titles == {"Flow", "Latency", "Lag", "Alert load", "Model state", "Learning"}


@pytest.mark.parametrize("board", BOARDS)
def test_a_dashboard_asks_the_provisioned_source_and_says_what_it_shows(board: str) -> None:
    uid = yaml.safe_load(text("deploy/grafana/provisioning/datasources/prometheus.yml"))["datasources"][0]["uid"]
    shown = list(panels(board))
    assert len({panel["id"] for panel in shown}) == len(shown)
    for panel in shown:
        assert panel["description"], panel["title"]
        assert {panel["datasource"]["uid"], *(each["datasource"]["uid"] for each in panel["targets"])} == {uid}


def test_dashboards_and_their_provisioning_are_mounted_where_they_are_looked_for() -> None:
    mounts = yaml.safe_load(text("docker-compose.yml"))["services"]["grafana"]["volumes"]
    places = dict(mount.split(":")[:2] for mount in mounts)
    provider = yaml.safe_load(text("deploy/grafana/provisioning/dashboards/wardlight.yml"))["providers"][0]
    assert places["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert places["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"


def test_prometheus_asks_every_service_that_counts() -> None:
    services = yaml.safe_load(text("docker-compose.yml"))["services"]
    counting = {
        name for name, service in services.items() if "build" in service and service["command"][:2] == ["python", "-m"]
    } - {"migrate", "simulators"}
    (job,) = [
        job
        for job in yaml.safe_load(text("deploy/prometheus/prometheus.yml"))["scrape_configs"]
        if job["job_name"] == "wardlight"
    ]
    assert set(job["dns_sd_configs"][0]["names"]) >= counting & {"ingest", "recorder", "stream", "alerts", "dashboard"}
    assert counting <= set(job["dns_sd_configs"][0]["names"]) | {"trainer"}


def test_every_rule_has_a_severity_a_sentence_and_its_place_in_the_runbook() -> None:
    runbook = text("docs/operations.md")
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning", "none"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert f"### {rule['alert']}\n" in runbook, rule["alert"]


def test_one_rule_always_fires() -> None:
    (watchdog,) = [rule for rule in RULES if rule["alert"] == "WardlightWatchdog"]
    assert watchdog["expr"].strip() == "vector(1)"
    assert "for" not in watchdog
