"""`make fuzz`: first the whole API, then what decodes payloads, each for half of the time; the seed is printed first.

`make fuzz ARGS="--minutes 60 --seed 7"`. What was found to reach new code is kept in build/fuzz, so that the next run goes on
from there; remove that folder to repeat a run exactly.
"""

import importlib.util
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.attacks.fuzz_http import fuzz
from tests.support.campaign_arguments import CampaignArguments

CORPUS: Final = Path("build/fuzz/corpus")


def payloads(*, seconds: int, seed: int, corpus: Path) -> subprocess.CompletedProcess[str]:
    """The decoders, in a process of their own, which the fuzzer ends itself."""
    command = [sys.executable, "-m", "tests.attacks.fuzz_payloads", f"--seconds={seconds}", f"--seed={seed}"]
    return subprocess.run(
        [*command, f"--corpus={corpus}"], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing broke; otherwise 1, with what broke and how to repeat it."""
    parser = CampaignArguments(prog="make fuzz", description=__doc__)
    parser.add_length("--minutes", "how long, both together", default=10.0)
    parser.add_count("--examples", "for each operation of the API, caller and kind", default=50)
    parser.add_argument("--seed", type=int, default=None, help="repeats a run; drawn where left out")
    said = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1, 2**31) if said.seed is None else said.seed
    print(f"seed {seed} (repeat with --seed {seed})", flush=True)
    half_s = said.minutes * 30
    report = fuzz(seed=seed, examples=said.examples, until_s=half_s)
    print(report.told(), flush=True)
    if importlib.util.find_spec("atheris") is None:
        print("Atheris has no wheel for this machine: payloads were not fuzzed.", file=sys.stderr)
        return 1
    decoded = payloads(seconds=max(1, round(half_s)), seed=seed, corpus=CORPUS)
    print("\n".join(line for line in decoded.stdout.splitlines() if decoded.returncode or "stat::" in line))
    return 1 if report.broken or decoded.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
