"""A rulebook's text: YAML of which every value knows its line and column, and nothing that could surprise. Pure.

Of YAML it is mappings, lists, words, numbers, true, false and null (as YAML 1.2 reads them: `no` is a word). Refused, each
with its place: anchors, aliases and tags, keys given twice, numbers that are none (.nan, .inf), more than one document,
and whatever is too long, too deep or too much.
"""

import re
from typing import Any, Final, NamedTuple

import yaml

from vitals.errors import InvalidArgument

BYTES_MAX: Final = 256 * 1024
DEPTH_MAX: Final = 12
VALUES_MAX: Final = 20_000
SCALAR_MAX: Final = 2_000
"""Characters of one word or text."""
_SHOWN_MAX: Final = 60

Path = tuple[str | int, ...]
"""Keys and places in lists, from the top."""
Value = dict[str, "Value"] | list["Value"] | str | float | int | bool | None

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same grammar thirty times as fast, where libyaml is there."""
_NUMBER: Final = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_WHOLE: Final = re.compile(r"[-+]?\d{1,15}")
_NO_NUMBER: Final = re.compile(r"[-+]?\.?(?:nan|inf|infinity)", re.IGNORECASE)
_WORDS: Final[dict[str, bool | None]] = {"": None, "~": None, "null": None, "true": True, "false": False}


class Mark(NamedTuple):
    """A place in the text, counted from 1."""

    line: int
    column: int


class RulebookError(InvalidArgument):
    """A rulebook that cannot be taken; says where, what was found and what was expected."""

    def __init__(self, mark: Mark, found: str, expected: str, beside: tuple[Mark, ...] = ()) -> None:
        """`beside`: what it does not go with."""
        lines = sorted({other.line for other in beside} - {mark.line})
        also = f" (see also line {', '.join(map(str, lines))})" if lines else ""
        super().__init__(f"Line {mark.line}, column {mark.column}: found {found}, expected {expected}{also}.")
        self.mark, self.found, self.expected, self.beside = mark, found, expected, beside


class Marked(NamedTuple):
    """What the text says, and where."""

    value: Value
    marks: dict[Path, Mark]
    """Of every value,"""
    keys: dict[Path, Mark]
    """and of every key, by the path of its value."""

    def mark(self, path: Path) -> Mark:
        """Where the value at `path` stands; where it is not there, what it would stand in."""
        while path not in self.marks and path:
            path = path[:-1]
        return self.marks[path]


def shown(value: object) -> str:
    """A value as an error names it: short, and on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}"
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def read_text(text: str) -> Marked:
    """The text's one value with its places; raises RulebookError."""
    if len(text.encode()) > BYTES_MAX:
        size_kib = len(text.encode()) / 1024
        raise RulebookError(Mark(1, 1), f"{size_kib:.0f} KiB", f"at most {BYTES_MAX // 1024} KiB")
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(1, 1) if at is None else Mark(at.line + 1, at.column + 1)
        raise RulebookError(mark, f"what is no YAML ({error.problem})", "YAML") from error
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        raise RulebookError(Mark(line, 1), "a character that is not allowed in YAML", "plain text") from error
    if not reader.documents:
        raise RulebookError(Mark(1, 1), "nothing", "a rulebook")
    return Marked(reader.result, reader.marks, reader.keys)


class _Open(NamedTuple):
    """A mapping or list that is being read."""

    path: Path
    value: dict[str, Value] | list[Value]
    key: list[str]
    """The key whose value comes next; empty where a key does."""


class _Reader:
    """Takes the events of the parser, which does not recurse, so that no depth of nesting can break it."""

    def __init__(self) -> None:
        self.result: Value = None
        self.documents = 0
        self.marks: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self._open: list[_Open] = []
        self._values = 0

    def take(self, event: yaml.Event) -> None:
        at = event.start_mark
        mark = Mark(1, 1) if at is None else Mark(at.line + 1, at.column + 1)
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise RulebookError(mark, "a second document", "one rulebook per file")
            case yaml.AliasEvent():
                raise RulebookError(mark, f"the alias *{event.anchor}", "the value itself: aliases are not taken")
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event, mark)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
            case yaml.ScalarEvent():
                self._scalar(event, mark)
            case _:
                pass

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, mark: Mark) -> None:
        _refuse_decoration(event, mark)
        if len(self._open) >= DEPTH_MAX:
            raise RulebookError(mark, f"more than {DEPTH_MAX} levels", "a rulebook, which needs fewer")
        value: dict[str, Value] | list[Value] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._place(value, mark)
        self._open.append(_Open(path, value, []))

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        _refuse_decoration(event, mark)
        if len(event.value) > SCALAR_MAX:
            raise RulebookError(mark, f"a text of {len(event.value)} characters", f"at most {SCALAR_MAX}")
        if self._open and isinstance(self._open[-1].value, dict) and not self._open[-1].key:
            self._begin_entry(event.value, mark)
            return
        self._place(event.value if event.style else _plain(event.value, mark), mark)

    def _begin_entry(self, key: str, mark: Mark) -> None:
        inside = self._open[-1]
        path = (*inside.path, key)
        if path in self.keys:
            first = self.keys[path]
            raise RulebookError(mark, f"{shown(key)} again", f"each key once (first on line {first.line})")
        self.keys[path] = mark
        inside.key.append(key)

    def _place(self, value: Value, mark: Mark) -> Path:
        """Put a value where it belongs; its path."""
        self._values += 1
        if self._values > VALUES_MAX:
            raise RulebookError(mark, f"more than {VALUES_MAX} values", "a rulebook, which needs fewer")
        if not self._open:
            path: Path = ()
            self.result = value
        else:
            inside = self._open[-1]
            if isinstance(inside.value, list):
                path = (*inside.path, len(inside.value))
                inside.value.append(value)
            elif inside.key:
                key = inside.key.pop()
                path = (*inside.path, key)
                inside.value[key] = value
            else:
                raise RulebookError(mark, "a mapping or list as a key", "a word as a key")
        self.marks[path] = mark
        return path


def _refuse_decoration(event: yaml.NodeEvent, mark: Mark) -> None:
    if event.anchor is not None:
        raise RulebookError(mark, f"the anchor &{event.anchor}", "the value alone: anchors are not taken")
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise RulebookError(mark, f"the tag {shown(tag)}", "the value alone: tags are not taken")


def _plain(text: str, mark: Mark) -> Value:
    """What an unquoted word means."""
    if text.lower() in _WORDS and text in (text.lower(), text.upper(), text.capitalize()):
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise RulebookError(mark, text[:_SHOWN_MAX], "a number of an ordinary size")
        return number
    if _NO_NUMBER.fullmatch(text):
        raise RulebookError(mark, text, "a number")
    return text
