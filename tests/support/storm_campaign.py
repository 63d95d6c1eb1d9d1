"""Many seeds, each a storm of its own: run side by side, printed, and kept in a file so that many sittings make one campaign."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from runtime.virtual_loop import run_virtual
from tests.support.storm_checkers import EVERY_SECOND
from tests.support.storm_plan import storm_of
from tests.support.storm_rest import AT_REST
from tests.support.storm_ward import StormOutcome, StormWard

ROOT = Path(__file__).parents[2]
ROOMS = ("alerts", "dashboard", "ingest", "runtime", "simulators", "storage", "stream", "vitals")
SUPPORT = ("storm_*.py", "month_*.py", "memory_mqtt.py", "simulated_services.py", "fresh_database.py")
"""With the rooms, what a seed's outcome depends on, the locked libraries aside."""
_SEVERE = 50
"""Log levels below it are silent: a storm is nothing but warnings."""


class SeedResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a results file."""

    seed: int
    code: str
    """`code_hash` of what it ran against."""
    clean: bool
    trace: str = ""
    """A hash of the whole log; equal whenever the seed is run against the same code."""
    readings: int = 0
    records: int = 0
    episodes: int = 0
    demands: int = 0
    deaths: int = 0
    failures: int = 0
    simulated_s: float = 0.0
    cpu_s: float = 0.0
    said: str = ""
    """What was wrong."""


def run_storm(seed: int) -> StormOutcome:
    """One seed, here and now; raises StormFailed, or what a service raised."""

    async def run() -> StormOutcome:
        return await StormWard(storm_of(seed), every_second=EVERY_SECOND, at_rest=AT_REST).run()

    return run_virtual(run())


def run_seed(seed: int, code: str) -> SeedResult:
    """One seed as a result; whatever it raises is what is wrong with it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_SEVERE))
    began_s = os.times().user
    try:
        outcome = run_storm(seed)
    except Exception as error:  # noqa: BLE001 - a campaign goes on, and says so
        said = f"{type(error).__name__}: {error}"[:2000]
        return SeedResult(seed=seed, code=code, clean=False, cpu_s=round(os.times().user - began_s, 2), said=said)
    return SeedResult(
        seed=seed,
        code=code,
        clean=True,
        trace=outcome.trace,
        readings=outcome.readings,
        records=outcome.records,
        episodes=outcome.episodes,
        demands=outcome.demands,
        deaths=outcome.deaths,
        failures=outcome.failures,
        simulated_s=round(outcome.seconds, 1),
        cpu_s=round(os.times().user - began_s, 2),
    )


def code_hash(root: Path = ROOT) -> str:
    """A name for the sources that a seed's outcome depends on."""
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _sources(root: Path) -> list[Path]:
    found = [path for room in ROOMS for path in (root / room).rglob("*.py")]
    found += [path for name in SUPPORT for path in (root / "tests" / "support").glob(name)]
    return sorted(found)


class Results:
    """A results file: a JSON line a seed, appended as they come, so that nothing is lost with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def known(self) -> list[SeedResult]:
        """Every line that is whole."""
        if not self.path.exists():
            return []
        return list(self._lines())

    def clean_seeds(self, code: str) -> set[int]:
        """Seeds that were clean against exactly this code."""
        return {one.seed for one in self.known() if one.code == code and one.clean}

    def append(self, result: SeedResult) -> None:
        """One more line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(result) + b"\n")

    def _lines(self) -> Iterator[SeedResult]:
        for line in self.path.read_bytes().splitlines():
            try:
                yield msgspec.json.decode(line, type=SeedResult)
            except msgspec.DecodeError:
                continue  # cut off where a sitting was


def due_seeds(first: int, count: int, clean: set[int]) -> Sequence[int]:
    """Seeds of this sitting that are not clean already."""
    return [seed for seed in range(first, first + count) if seed not in clean]
