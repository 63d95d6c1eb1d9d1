"""A file of ladders and on-call schedules: YAML (or JSON) of which every mistake is named with its line. Pure."""

import re
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import msgspec

from alerts.rulebook_text import Marked, Path, RulebookError, Value, read_text, shown
from vitals.errors import InvalidArgument
from vitals.ladder import Ladder, check_ladder
from vitals.on_call import Schedule, check_schedule

ENTRIES_MAX: Final = 300
_PLACE: Final = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")

RecordT = TypeVar("RecordT")


class LadderFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one file says; either list may be left out."""

    schedules: Annotated[tuple[Schedule, ...], msgspec.Meta(max_length=ENTRIES_MAX)] = ()
    ladders: Annotated[tuple[Ladder, ...], msgspec.Meta(max_length=ENTRIES_MAX)] = ()


def read_ladders(text: str) -> LadderFile:
    """The file's ladders and schedules, each checked in itself; raises RulebookError naming line, what is there, what was expected."""
    marked = read_text(text)
    try:
        read = msgspec.convert(marked.value, LadderFile)
    except msgspec.ValidationError as error:
        raise _misshapen(marked, str(error)) from error
    _check_each(marked, "ladders", read.ladders, check_ladder, _ladder_name)
    _check_each(marked, "schedules", read.schedules, check_schedule, _schedule_name)
    if not read.ladders and not read.schedules:
        raise RulebookError(marked.mark(()), "neither", "a list named ladders, or schedules, with something in it")
    return read


def _check_each(
    marked: Marked,
    key: str,
    records: tuple[RecordT, ...],
    check: Callable[[RecordT], None],
    name_of: Callable[[RecordT], str],
) -> None:
    seen: set[str] = set()
    for index, record in enumerate(records):
        try:
            check(record)
        except InvalidArgument as error:
            raise InvalidArgument(f"Line {marked.mark((key, index)).line}: {error}") from error
        if name_of(record) in seen:
            raise RulebookError(marked.mark((key, index)), f"{name_of(record)} a second time", "each once")
        seen.add(name_of(record))


def _misshapen(marked: Marked, said: str) -> RulebookError:
    """What msgspec says of a value, with its place in the text."""
    expected, _, place = said.partition(" - at `")
    path: Path = tuple(int(index) if index else key for key, index in _PLACE.findall(place.rstrip("`")))
    return RulebookError(marked.mark(path), shown(_value_at(marked.value, path)), _plain(expected))


def _value_at(value: Value, path: Path) -> Value:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _plain(said: str) -> str:
    """The library's words in ours: what was expected there."""
    if said.startswith("Invalid enum value "):
        return "one of the words that may stand here"
    for words, ours in (
        ("Object missing required field ", "the key "),
        ("Object contains unknown field ", "no such key: "),
        ("Expected ", ""),
    ):
        if said.startswith(words):
            return ours + said.removeprefix(words).replace("`", "").partition(", got")[0]
    return said.replace("`", "")


def _ladder_name(ladder: Ladder) -> str:
    return f"the {ladder.priority.value} ladder of ward {ladder.ward_id}"


def _schedule_name(schedule: Schedule) -> str:
    return f"schedule {schedule.schedule_id}"
