"""What Prometheus is given: judged by its own promtool, and its rules by what they say of a heartbeat that stops."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.servers import missing
from tests.support.tree import ROOT
from tests.tidy.test_monitoring import expressions

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def promtool() -> str:
    """The program; it comes with the package `prometheus`."""
    found = shutil.which("promtool")
    if found is None:
        missing("promtool")
    return found


def run(*command: str) -> str:
    """What it says; the test fails where it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_configuration_and_rules_are_valid(promtool: str) -> None:
    run(promtool, "check", "config", "deploy/prometheus/prometheus.yml")
    run(promtool, "check", "rules", "deploy/prometheus/rules.yml")


def test_the_rules_fire_when_the_heartbeat_stops_and_not_before(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", "deploy/prometheus/rules-test.yml")


def test_the_rules_of_what_is_learned_fire_when_they_must_and_not_before(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", "deploy/prometheus/rules-test-learning.yml")


def test_every_expression_of_the_dashboards_is_promql(promtool: str, tmp_path: Path) -> None:
    asked = [expression.replace("$__rate_interval", "1m") for _, expression in expressions()]
    rules = {"groups": [{"name": "g", "rules": [{"record": f"r{at}", "expr": each} for at, each in enumerate(asked)]}]}
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules), encoding="utf-8")
    run(promtool, "check", "rules", str(file))
