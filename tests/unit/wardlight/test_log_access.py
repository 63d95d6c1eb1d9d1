"""The table of rights is what the services' code does with the log, and what deploy/ hands to Kafka."""

import ast
import importlib
import re
from collections import defaultdict
from typing import Any

import pytest

from runtime.settings import LogSettings
from storage import stages
from tests.support.tree import nodes, source_files, text
from vitals.topics import LogTopic
from wardlight.command_line import run
from wardlight.log_access import PRINCIPALS, Principal, entries, table

BY_NAME = {principal.name: principal for principal in PRINCIPALS}
SERVICE_OF = {
    "ingest": "ingest",
    "stream": "stream",
    "alerts": "alerts",
    "storage": "recorder",
    "dashboard": "dashboard",
}
TRAINER = re.compile(r"stream/trainer\w*\.py")
"""Two services live in one room."""


def service_of(file: str) -> str:
    return "trainer" if TRAINER.fullmatch(file) else SERVICE_OF[file.split("/", 1)[0]]


def constant(file: str, node: ast.expr) -> Any:
    """What this expression of a module's source is: a literal topic, or a name of the module."""
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    return eval(ast.unparse(node), vars(module))  # noqa: S307 - our own source


def test_what_a_service_may_write_is_what_its_source_publishes() -> None:
    published: dict[str, set[str]] = defaultdict(set)
    for file in source_files():
        if file.split("/", 1)[0] not in SERVICE_OF:
            continue
        for node in nodes(file, ast.Call):
            if isinstance(node.func, ast.Name | ast.Attribute) and ast.unparse(node.func).endswith("Outgoing"):
                published[service_of(file)].add(str(constant(file, node.args[0])))
    assert published == {name: set(one.writes) for name, one in BY_NAME.items() if one.writes}


def test_every_service_that_reads_the_log_has_its_groups_and_topics() -> None:
    for group, topics in stages.STAGES.items():
        owner = next(one for one in PRINCIPALS if group in one.groups)
        assert set(map(str, topics)) <= owner.reads, group
    groups = [group for one in PRINCIPALS for group in one.groups]
    assert len(groups) == len(set(groups)), "no two services share a group"
    assert stages.STAGES.keys() <= set(groups)


def test_nobody_but_the_operator_makes_topics_and_the_operator_writes_nothing() -> None:
    assert {one.name for one in PRINCIPALS if one.makes} == {"operator"}
    assert BY_NAME["operator"].writes == frozenset()
    assert BY_NAME["operator"].makes == set(LogTopic)


def test_a_principal_that_writes_nothing_may_begin_a_producer_and_no_other_needs_to() -> None:
    asked = {one.name for one in PRINCIPALS if any(entry.resource == "cluster" for entry in entries(one))}
    assert asked == {one.name for one in PRINCIPALS if not one.writes}


def test_a_prefix_stands_before_topics_and_groups() -> None:
    one = Principal(name="stream", reads=frozenset({"readings"}), writes=frozenset({"x"}), groups=frozenset({"stream"}))
    assert {entry.name for entry in entries(one, prefix="try-")} == {"try-readings", "try-x", "try-stream"}


def test_the_file_beside_the_script_is_the_table() -> None:
    kept = [line for line in text("deploy/kafka-access.txt").splitlines() if not line.startswith("#")]
    assert kept == list(table())


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["log", "access"]) == 0
    assert capsys.readouterr().out.splitlines() == list(table())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"security": "sasl_ssl"}, "sasl_ssl and username"),
        ({"username": "stream", "password": "x"}, "sasl_ssl and username"),
        ({"username": "stream", "security": "sasl_ssl"}, "username and password belong"),
        ({"ca_file": "ca.pem"}, "need security"),
        ({"security": "ssl", "key_file": "a.key"}, "certificate_file and key_file"),
        ({"security": "sasl_plaintext"}, "'plaintext', 'ssl' or 'sasl_ssl'"),
    ],
)
def test_security_that_is_half_given_is_a_mistake(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LogSettings.model_validate(given)
