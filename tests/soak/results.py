"""The file of results: JSON lines, one sitting after another, each begun by its plan and ended by its account."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.soak.sampling import Sample


class SoakPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a sitting is to be."""

    minutes: float
    readings_per_s: float
    """0 at rest."""
    beds: int
    warm_up_s: float
    every_s: float
    seed: int


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="begun"):
    """First line of a sitting."""

    plan: SoakPlan
    at_ms: int
    version: str


class Sampled(msgspec.Struct, frozen=True, kw_only=True, tag="sampled"):
    """One look."""

    sample: Sample


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """Last line of a sitting that came to its end."""

    published: int
    receipted: int
    stored: int
    assessed: int
    lost: int
    """Receipted, and not stored and assessed once everything had been given time."""
    episodes: int
    viewers: dict[str, int]


Line = Begun | Sampled | Ended
_DECODER = msgspec.json.Decoder(Line)


@dataclass
class Sitting:
    """What the file holds of one."""

    begun: Begun
    samples: list[Sample] = field(default_factory=list)
    ended: Ended | None = None

    @property
    def lost(self) -> int:
        """Readings lost; 0 where it did not come to its end."""
        return 0 if self.ended is None else self.ended.lost


def append(file: Path, line: Line) -> None:
    """Add one line, whole."""
    with file.open("ab") as results:
        results.write(msgspec.json.encode(line) + b"\n")


def read_sittings(file: Path) -> list[Sitting]:
    """Every sitting of the file, in order; one that was cut off stands without its end."""
    sittings: list[Sitting] = []
    for line in _lines(file):
        match line:
            case Begun():
                sittings.append(Sitting(line))
            case Sampled(sample=sample):
                sittings[-1].samples.append(sample)
            case Ended():
                sittings[-1].ended = line
    return sittings


def _lines(file: Path) -> Iterator[Line]:
    for text in file.read_bytes().splitlines():
        try:
            yield _DECODER.decode(text)
        except msgspec.DecodeError:
            # A line that a killed sitting did not finish.
            continue
