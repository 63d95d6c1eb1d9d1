"""The threat model names tests that exist, asks all six questions, and leaves nothing out that SECURITY.md sends to it."""

import ast
import re

import pytest

from tests.support.tree import ROOT, parsed, text, tracked

PAGE = "docs/threat-model.md"
NAMED = re.compile(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`")
DOOR_ROW = re.compile(r"^\| ([STRIDE]) \|(.*)\|$", re.MULTILINE)


@pytest.mark.parametrize("page", [PAGE, "SECURITY.md"])
def test_every_test_that_a_page_of_security_names_exists(page: str) -> None:
    missing = [f"{file}::{name}" for file, name in NAMED.findall(text(page)) if not _exists(file, name)]
    assert not missing


def test_every_line_of_a_door_is_held_by_a_test() -> None:
    rows = DOOR_ROW.findall(text(PAGE))
    assert [row for _, row in rows if NAMED.search(row) is None] == []
    assert {letter for letter, _ in rows} == set("STRIDE")


def test_every_file_of_attacks_is_named_there() -> None:
    files = {name for name in tracked() if re.fullmatch(r"tests/attacks/test_\w+\.py", name)}
    assert files - {file for file, _ in NAMED.findall(text(PAGE))} == set()


def _exists(file: str, name: str) -> bool:
    if not (ROOT / file).is_file():
        return False
    functions = (node for node in ast.walk(parsed(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return not name or any(node.name == name for node in functions)
