"""What the documents tell people to type exists; tests/integration/test_documented_commands.py runs it."""

import ast
import json
import re
import shlex

import pytest

from ingest.decoder import Decoded, decode
from ingest.settings import IngestSettings
from tests.support.commands_elsewhere import ELSEWHERE, WALKED, WALKED_BY_HAND
from tests.support.documented_syntax import complaint_about, is_a_name
from tests.support.documents import Command, all_commands, json_blocks, pages, unfenced_commands, walks
from tests.support.tree import ROOT, parsed, text
from vitals import codec
from vitals.alert import Transition
from vitals.reading import Receipt

NOW = "2026-01-31T14:05:00Z"
NOW_MS = 1_769_868_300_000
TOPIC = "wardlight/v1/devices/my-watch/readings"
_MOMENT = re.compile(r"\$\(date [^)]*\)")
_MODULE = re.compile(r"python -m (?P<module>[\w.]+)(?P<rest>[^`\n]*)")
_TEST = re.compile(r"\btests/[\w./]+")
_TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
OURS = [command for command in all_commands() if command.program == "wardlight" and not is_a_name(command.words)]
MADE = [command for command in all_commands() if command.program == "make"]
SENT = [command for command in all_commands() if command.program == "mosquitto_pub" and "/readings" in command.text]


@pytest.mark.parametrize("command", OURS, ids=str)
def test_a_command_exists_with_its_options(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDLIGHT_PASSWORD", "so that nobody is asked for it")
    assert complaint_about(command.words) is None


def test_every_target_is_in_the_makefile() -> None:
    targets = set(_TARGET.findall(text("Makefile")))
    assert {command.words[1] for command in MADE} <= targets


def test_every_module_and_test_that_a_document_runs_exists() -> None:
    missing = [
        f"{document}: {found[0]}"
        for document in pages()
        for found in _MODULE.finditer(text(document))
        for wanted in (_file_of(found["module"]), *_TEST.findall(found["rest"]))
        if wanted is None or not (ROOT / wanted).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("command", SENT, ids=str)
def test_what_a_document_publishes_is_accepted_unless_it_says_refused(command: Command) -> None:
    words = shlex.split(_MOMENT.sub(NOW, command.text))
    assert accepts(words[words.index("-m") + 1]) == (not command.comment.startswith("refused"))


@pytest.mark.parametrize("where", json_blocks())
def test_every_json_example_is_what_travels(where: str) -> None:
    body = json_blocks()[where]
    example = json.loads(body)
    if "signs" in example:
        assert accepts(body)
    elif "through_sequence" in example:
        codec.decode(Receipt, body.encode())
    elif "transition_id" in example:
        codec.decode(Transition, body.encode())


def test_commands_stand_in_fenced_blocks() -> None:
    assert unfenced_commands() == []


def test_every_target_of_the_makefile_that_is_documented_names_what_runs_the_same() -> None:
    made = {command.text for command in all_commands() if command.words[0] == "make"}
    assert made - ELSEWHERE.keys() == set(), (
        "a reader's directory has no Makefile: name the test that runs the same, if smaller"
    )


@pytest.mark.parametrize("where", sorted(set(ELSEWHERE.values())))
def test_what_runs_a_command_elsewhere_exists(where: str) -> None:
    file, _, function = where.partition("::")
    assert (ROOT / file).is_file()
    if file.endswith(".py"):
        defined = {
            node.name for node in ast.walk(parsed(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert function in defined


def test_every_step_of_a_way_is_walked() -> None:
    unknown = [
        f"{document}: {mark}"
        for document, marks in walks().items()
        for mark in marks
        if not mark.startswith(WALKED_BY_HAND) and f'"{mark.split()[-1]}"' not in text(WALKED[document])
    ]
    assert unknown == []


def test_only_commands_of_the_documents_are_listed_as_run_elsewhere() -> None:
    assert ELSEWHERE.keys() - {command.text for command in all_commands()} == set()


def _file_of(module: str) -> str | None:
    """Where `python -m module` begins; `.` for a tool of others."""
    if module in {"pytest", "pip"}:
        return "."
    places = (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__main__.py")
    return next((place for place in places if (ROOT / place).is_file()), None)


def accepts(message: str) -> bool:
    """Whether ingest would take every sign of this message."""
    limits = IngestSettings().decoder
    verdict = decode(TOPIC, message.encode(), received_at_ms=NOW_MS, limits=limits)
    return isinstance(verdict, Decoded) and verdict.complaint is None
