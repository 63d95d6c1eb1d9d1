"""`python -m evaluation.quality DIRECTORY [--json]`: what the quality gate withholds of recordings, and of which values.

Runs the gate that runs live (`stream/quality.py`), patient by patient in the order of time. One line per set, sign and
kind of value: how many there are, which share is kept from the scores, by cause, and which is scored but not learned.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation.arguments import Arguments, ended
from evaluation.datasets import said_of
from evaluation.quality_recordings import SETS, VALUE, Course
from runtime.lifecycle import EXIT_OK
from stream.quality import QualityGate, sift
from vitals.quality import WithheldCause
from vitals.sign import Sign


class Withholding(NamedTuple):
    """What became of the values of one kind."""

    recording: str
    sign: Sign
    kind: str
    values: int
    withheld: int
    """Not scored."""
    unlearned: int
    """Scored, and not learned."""
    causes: dict[str, int]
    """Of those not scored."""


def measure(recording: str, courses: Iterable[Course]) -> list[Withholding]:
    """Send every course through a gate of its own."""
    values: Counter[tuple[Sign, str]] = Counter()
    withheld: Counter[tuple[Sign, str, WithheldCause]] = Counter()
    unlearned: Counter[tuple[Sign, str]] = Counter()
    for course in courses:
        gate = QualityGate()
        for moment in course.moments:
            sifted = sift(moment.signs)
            for sign in moment.signs:
                values[sign, moment.kinds.get(sign, VALUE)] += 1
            for each in sifted.withheld + gate.judge(sifted.signs, moment.at_ms).withheld:
                kind = moment.kinds.get(each.sign, VALUE)
                if each.scored:
                    unlearned[each.sign, kind] += 1
                else:
                    withheld[each.sign, kind, each.cause] += 1
    return [
        Withholding(
            recording,
            sign,
            kind,
            count,
            sum(withheld[sign, kind, cause] for cause in WithheldCause),
            unlearned[sign, kind],
            {cause.value: number for cause in WithheldCause if (number := withheld[sign, kind, cause])},
        )
        for (sign, kind), count in sorted(values.items())
    ]


def measure_all(directory: Path) -> Iterator[Withholding]:
    """Every set that lies in `directory`; raises InvalidArgument naming a file that cannot be read."""
    for one in SETS:
        file = directory / one.file
        if file.exists():
            with said_of(file):
                told = measure(one.name, one.read(file))
            yield from told


def _table(found: Sequence[Withholding]) -> Iterator[str]:
    yield f"{'set':21} {'sign':21} {'kind':17} {'values':>7} {'not scored':>11} {'not learned':>12}  causes"
    for each in found:
        causes = ", ".join(f"{cause} {number}" for cause, number in each.causes.items())
        withheld, unlearned = 100 * each.withheld / each.values, 100 * each.unlearned / each.values
        head = f"{each.recording:21} {each.sign.value:21} {each.kind:17} {each.values:7}"
        yield f"{head} {withheld:10.2f}% {unlearned:11.2f}%  {causes}".rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; an exit code."""
    return ended(_told, arguments)


def _told(arguments: Sequence[str]) -> int:
    parser = Arguments(prog="python -m evaluation.quality", description=__doc__)
    parser.add_directory("directory", help=f"with any of {', '.join(dict.fromkeys(one.file for one in SETS))}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found = list(measure_all(options.directory))
    if not found:
        files = ", ".join(dict.fromkeys(one.file for one in SETS))
        parser.error(f"there is none of {files} in {options.directory} (docs/learning.md)")
    if options.json:
        sys.stdout.write(json.dumps({"rows": [each._asdict() for each in found]}) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _table(found))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
