"""The shape of the source: sizes, names, docstrings, and what must not stand in it."""

import ast
import re

import pytest

from tests.support.tree import VENDORED, functions, nodes, parsed, python_files, source_files, text, text_files, tracked

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BANNED_WORDS = {"util", "utils", "common", "commons", "helper", "helpers", "manager", "managers", "misc", "stuff"}
"""A file is named after the idea it holds."""

BROAD_EXCEPT_ALLOWED: dict[str, str] = {
    "alerts/dispatch.py": "one channel, or one destination, that fails unforeseen must not keep the others from being told",
    "alerts/ladder_runner.py": "one alert whose step fails unforeseen must not keep the others from climbing",
    "stream/trainer_service.py": "a trainer that fails unforeseen must not take the ward's alarms with it",
    "runtime/blocking.py": "what a call on a thread raised is handed to whoever waits for it",
}
"""Files that may catch every exception and not raise it again, each with the reason."""

LEFTOVERS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
INDEX_ADDRESSES = re.compile(
    r"pythonhosted\.|" + "pypi" + r"\.(org|python)|--(extra-)?index-url|" + "registry" + r"\.npmjs|"
    r"repo1?\.maven\.|" + "deb" + r"\.debian\.org"
)
MACHINE_PATHS = re.compile(r"(?<![\w.~}-])/(" + "root|" + "work|" + "home/[a-z]+" + r")/")


def test_no_file_is_longer_than_a_person_can_hold_in_mind() -> None:
    kinds = (".py", ".sh", ".js", ".css", ".html")
    long = {
        name: lines
        for name in tracked()
        if name.endswith(kinds) and not name.startswith(VENDORED) and (lines := text(name).count("\n")) > FILE_LINES_MAX
    }
    assert not long


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name}:{node.lineno} {node.name} has {length} lines"
        for name in python_files()
        for node in functions(name)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long


def test_nothing_that_runs_code_as_it_loads_is_loaded() -> None:
    """A benchmark may weigh what River's own pickle takes."""
    modules = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    found = []
    for name in source_files():
        if name.startswith("benchmarks/"):
            continue
        for node in nodes(name, ast.Import, ast.ImportFrom, ast.keyword):
            match node:
                case ast.Import(names=names):
                    imported = {each.name.split(".")[0] for each in names}
                case ast.ImportFrom(module=str() as module):
                    imported = {module.split(".")[0]}
                case ast.keyword(arg="allow_pickle"):
                    imported = {"pickle"}
                case _:
                    continue
            found += [f"{name}:{node.lineno}" for _ in imported & modules]
    assert not found


def test_no_file_is_a_junk_drawer() -> None:
    named = [
        name
        for name in tracked()
        if not name.startswith(VENDORED) and BANNED_WORDS & set(re.split(r"[/_.]", name.lower()))
    ]
    assert not named


def test_every_public_module_class_and_function_says_what_it_promises() -> None:
    silent = [f"{name}:{line}" for name in source_files() for line in _undocumented(parsed(name))]
    assert not silent


def test_nothing_is_left_for_later_in_the_text() -> None:
    found = [f"{name}: {match.group()}" for name in text_files() if (match := LEFTOVERS.search(text(name))) is not None]
    assert not found


@pytest.mark.parametrize("pattern", [INDEX_ADDRESSES, MACHINE_PATHS], ids=["index addresses", "paths of one machine"])
def test_no_file_knows_the_machine_it_was_written_on(pattern: re.Pattern[str]) -> None:
    found = [f"{name}: {match.group()}" for name in tracked_text() if (match := pattern.search(text(name))) is not None]
    assert not found


def test_only_explained_places_catch_every_exception() -> None:
    found = {name for name in source_files() for node in nodes(name, ast.ExceptHandler) if _catches_everything(node)}
    assert found == set(BROAD_EXCEPT_ALLOWED)


def tracked_text() -> tuple[str, ...]:
    """Text files and lock files; a lock must not name an index either."""
    return (*text_files(), *(name for name in tracked() if name.endswith(".lock")))


def _undocumented(module: ast.Module) -> list[int]:
    public = [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and "overload" not in map(ast.unparse, node.decorator_list)
    ]
    return [1] * (not ast.get_docstring(module)) + [node.lineno for node in public if not ast.get_docstring(node)]


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    """Whether it may swallow any exception: one that ends by raising it again tidies up only."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = {None, "Exception", "BaseException"}
    last = handler.body[-1]
    raises_again = isinstance(last, ast.Raise) and last.exc is None
    returns = any(isinstance(node, ast.Return) for node in ast.walk(handler))
    return any(_name_of(kind) in broad for kind in caught) and not (raises_again and not returns)


def _name_of(kind: ast.expr | None) -> str | None:
    return None if kind is None else ast.unparse(kind)
