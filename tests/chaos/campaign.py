"""The campaign: faults in turn, as many repetitions of each as are missing, on one cluster, until done or out of time."""

import hashlib
import json
import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from runtime.clock import Clock
from runtime.virtual_loop import run_virtual
from tests.chaos import results
from tests.chaos.cluster import Cluster, running_cluster
from tests.chaos.course import LOOK_S, Course, Outcome
from tests.chaos.faults import Fault
from tests.chaos.load import Due, Plan, undisturbed
from tests.chaos.results import Repetition
from tests.chaos.services import ROOT
from vitals.alert import AlertKind
from vitals.errors import Unavailable

_DECIDES = ("vitals", "ingest", "stream", "alerts", "storage", "simulators", "runtime")


def dues_of(plan: Plan, cache: Path) -> list[Due]:
    """What the truth of a plan asks for; computed once for each state of the code, since it takes a while."""
    digest = hashlib.blake2b(repr(plan).encode(), digest_size=8)
    for room in _DECIDES:
        for file in sorted((ROOT / room).rglob("*.py")):
            digest.update(file.read_bytes())
    kept = cache / f"chaos-truth-{digest.hexdigest()}.json"
    if kept.exists():
        rows = json.loads(kept.read_text(encoding="utf-8"))
        return [Due(group, bed, AlertKind(kind), sequence) for group, bed, kind, sequence in rows]
    dues = run_virtual(undisturbed(plan))
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(dues), encoding="utf-8")
    return dues


class Campaign:
    """Runs what is missing in the result file."""

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        repetitions: int | None,
        file: Path,
        clock: Clock,
        seed: int,
        until_s: float | None,
        at_a_time: int = 5,
    ) -> None:
        """`repetitions` of each in all, or as many as each fault wants; after `until_s` no new course begins."""
        self._faults = faults
        self._repetitions = repetitions
        self._at_a_time = at_a_time
        self._file = file
        self._clock = clock
        self._chance = random.Random(seed)
        self._until_s = until_s
        self._revision = _revision()
        self.new: list[Repetition] = []

    async def run(self, plan: Plan, dues: list[Due], *, brokers: int = 3) -> None:
        """Begin a cluster and run every fault's missing repetitions on it, one course of each in turn."""
        begun_s = self._clock.monotonic_s()
        async with running_cluster(self._clock, brokers=brokers) as cluster:
            print(
                f"cluster ready after {self._clock.monotonic_s() - begun_s:.0f} s; revision {self._revision}",
                flush=True,
            )
            wanted = list(self._faults)
            while wanted := [fault for fault in wanted if self._missing(fault) > 0]:
                for fault in [*wanted]:
                    if self._is_late(begun_s):
                        return
                    try:
                        count = min(self._missing(fault), fault.course_max, self._at_a_time)
                        await self._course(cluster, plan, dues, fault, count)
                    except _Impossible:
                        wanted.remove(fault)

    def _missing(self, fault: Fault) -> int:
        had = Counter(each.fault for each in results.read(self._file))
        return (fault.enough if self._repetitions is None else self._repetitions) - had[fault.name]

    def _is_late(self, begun_s: float) -> bool:
        return self._until_s is not None and self._clock.monotonic_s() - begun_s > self._until_s

    async def _course(self, cluster: Cluster, plan: Plan, dues: list[Due], fault: Fault, count: int) -> None:
        begun_s = self._clock.monotonic_s()
        await cluster.ready()
        try:
            outcome = await Course(cluster, plan, dues, fault, chance=self._chance).run(count)
        except Unavailable as error:
            print(f"{fault.name}: not on this machine: {error}", flush=True)
            raise _Impossible from error
        took_s = self._clock.monotonic_s() - begun_s
        lines = self._lines(fault, outcome)
        results.append(self._file, lines)
        self.new += lines
        _tell(fault, outcome, took_s)

    def _lines(self, fault: Fault, outcome: Outcome) -> list[Repetition]:
        """The counts of a course stand with its first repetition."""
        verdict, lines = outcome.verdict, []
        for number, injected in enumerate(outcome.injected):
            share = int(number == 0)
            lines.append(
                Repetition(
                    fault=fault.name,
                    course=outcome.token,
                    revision=self._revision,
                    at_ms=self._clock.now_ms(),
                    late_after_s=fault.late_after_s,
                    recovery_s=None if injected.recovery_s is None else round(injected.recovery_s, 2),
                    readings=share * outcome.readings,
                    lost=share * verdict.lost,
                    duplicated=share * verdict.duplicated,
                    late=share * verdict.late + (injected.recovery_s is None),
                    wrong=share * verdict.wrong,
                    exits=share * outcome.exits,
                    again=share * outcome.again,
                    examples=verdict.examples if share else (),
                )
            )
        return lines


class _Impossible(Exception):
    """Not to be had on this machine."""


def _tell(fault: Fault, outcome: Outcome, took_s: float) -> None:
    verdict = outcome.verdict
    times = ", ".join("never" if each.recovery_s is None else f"{each.recovery_s:.1f}" for each in outcome.injected)
    print(
        f"{fault.name}: {len(outcome.injected)} in {took_s:.0f} s, recovered after {times} s; {outcome.readings} readings,"
        f" lost {verdict.lost}, duplicated {verdict.duplicated}, late {verdict.late}, wrong {verdict.wrong};"
        f" {outcome.exits} exits, {outcome.again} sent again",
        flush=True,
    )
    if max(outcome.waited_for.values(), default=0) * LOOK_S > 2:
        print(f"    waited for {outcome.waited_for}", flush=True)
    for example in verdict.examples:
        print(f"    {example}", flush=True)


def _revision() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return asked.stdout.strip() or "unknown"
