"""The source tree as the tidy tests see it: files git knows or would add, parsed once."""

import ast
import functools
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
VENDORED = ("dashboard/static/vendor/",)
"""Other people's files, kept as they came."""


@functools.cache
def tracked() -> tuple[str, ...]:
    """Every file of the project, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file()))


def python_files() -> tuple[str, ...]:
    """Every Python file, tests included."""
    return tuple(name for name in tracked() if name.endswith(".py"))


def source_files() -> tuple[str, ...]:
    """Every Python file that is not a test."""
    return tuple(name for name in python_files() if not name.startswith("tests/"))


def text_files() -> tuple[str, ...]:
    """Every file a person writes or reads: no pictures, no locks, nothing vendored."""
    return tuple(name for name in tracked() if not name.startswith(VENDORED) and _is_text(name))


@functools.cache
def text(name: str) -> str:
    """A file's content."""
    return (ROOT / name).read_text(encoding="utf-8")


@functools.cache
def parsed(name: str) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse(text(name), filename=name)


Node = TypeVar("Node", bound=ast.AST)


def nodes(name: str, *kinds: type[Node]) -> Iterator[Node]:
    """Every node of these very kinds in a Python file, one kind after the other, each outermost first."""
    by_kind = _by_kind(name)
    for kind in kinds:
        yield from by_kind.get(kind, ())


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a Python file."""
    yield from nodes(name, ast.FunctionDef)
    yield from nodes(name, ast.AsyncFunctionDef)


_GRAMMAR = frozenset({"ctx", "op"})
"""Fields that say how an expression is used, not what stands in it: a third of all nodes."""


@functools.cache
def _by_kind(name: str) -> Mapping[type[ast.AST], Sequence[Any]]:
    """A file's nodes, walked once for all who ask."""
    found: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
    level: list[ast.AST] = [parsed(name)]
    while level:
        below: list[ast.AST] = []
        for node in level:
            for field in node._fields:
                value = getattr(node, field, None)
                if isinstance(value, list):
                    below += [each for each in value if isinstance(each, ast.AST)]
                elif isinstance(value, ast.AST) and field not in _GRAMMAR:
                    below.append(value)
        for node in below:
            found[type(node)].append(node)
        level = below
    return found


def forget_trees() -> None:
    """Let go of every syntax tree: at the end of a run, before all that is left is searched for garbage."""
    _by_kind.cache_clear()
    parsed.cache_clear()


def folders_with_python() -> set[str]:
    """Top-level folders that hold Python."""
    return {name.split("/", 1)[0] for name in python_files() if "/" in name}


@functools.cache
def pyproject() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads(text("pyproject.toml"))


def _is_text(name: str) -> bool:
    if name.endswith(".lock"):
        return False
    with (ROOT / name).open("rb") as file:
        return b"\0" not in file.read(8192)
