"""The campaign's file: a JSON line for each repetition of a fault, appended; many short sittings make one long campaign."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """One injection of a fault, and the verdict over the course that it was part of."""

    fault: str
    course: str
    """Several repetitions may share a course; its counts stand with the first of them."""
    revision: str
    at_ms: int
    late_after_s: float
    recovery_s: float | None
    """From the moment the cause was gone until everything measured before was stored, scored and alerted, and all was ready."""
    readings: int
    lost: int
    duplicated: int
    late: int
    wrong: int
    exits: int
    """How often a service ended by itself and was started again."""
    again: int
    """Readings that devices sent more than once."""
    examples: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether it counts as survived."""
        return self.recovery_s is not None and not (self.lost or self.duplicated or self.late or self.wrong)


def append(file: Path, repetitions: Iterable[Repetition]) -> None:
    """Add lines; the folder is made where it is absent."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        for repetition in repetitions:
            lines.write(json.dumps(asdict(repetition)) + "\n")


def read(file: Path) -> list[Repetition]:
    """All lines so far; none where there is no file. A last line that was cut off is left out."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            fields: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        found.append(Repetition(**{**fields, "examples": tuple(fields["examples"])}))
    return found


def table(repetitions: Sequence[Repetition], order: Sequence[str], told: dict[str, str]) -> list[str]:
    """The markdown table of docs/delivery.md, a row a fault, in this order; `told` says what each does."""
    rows = [
        "| fault | what happens | repetitions | lost | duplicated | late | wrong | ended by itself | recovery s, median / most | late after s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in order:
        mine = [each for each in repetitions if each.fault == name]
        if not mine:
            continue
        sums = [
            sum(getattr(each, column) for each in mine) for column in ("lost", "duplicated", "late", "wrong", "exits")
        ]
        times = [each.recovery_s for each in mine if each.recovery_s is not None]
        recovery = f"{statistics.median(times):.1f} / {max(times):.1f}" if times else "never"
        cells = [f"`{name}`", told.get(name, ""), len(mine), *sums, recovery, f"{mine[-1].late_after_s:g}"]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return rows
