"""`python -m benchmarks [NAME] [--json]`: measure all stages or one; a line each."""

import argparse
import importlib
import sys
from collections.abc import Sequence

import msgspec

from benchmarks.measure import NotMeasured, Result
from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings

BENCHES = (
    "scorer",
    "baselines",
    "quality",
    "unusual",
    "risk",
    "recorder",
    "ledger",
    "bridge",
    "embedded",
    "simulator",
    "alert_latency",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments name; an exit code, 1 where something could not be measured on this machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of {', '.join(BENCHES)}; all without it")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    options = parser.parse_args(arguments)
    if options.name is not None and options.name not in BENCHES:
        sys.stderr.write(f"There is no benchmark {options.name!r}; there are {', '.join(BENCHES)}.\n")
        return EXIT_USAGE
    set_up_logging(TelemetrySettings(log_level="error"), clock=SystemClock())
    code = EXIT_OK
    for name in BENCHES if options.name is None else (options.name,):
        try:
            for result in importlib.import_module(f"benchmarks.{name}").run():
                _say(result, as_json=options.json)
        except NotMeasured as error:
            sys.stderr.write(f"{error}\n")
            code = EXIT_FAILED
    return code


def _say(result: Result, *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(result).decode(), flush=True)
    else:
        bar = "" if result.bar is None else f"; bar {result.bar:,.0f}: {result.verdict}"
        floor = f"floor {result.floor:,.1f}, ratio {result.ratio}"
        print(f"{result.bench:24} {result.value:>10,.1f} {result.unit}; {floor}{bar}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
