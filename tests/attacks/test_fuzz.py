"""A short run of `make fuzz`: the whole API by its own description, and whatever decodes bytes, with the session's seed."""

import importlib.util
import re
from pathlib import Path

from dashboard.permissions import RULES
from tests.attacks.fuzz import payloads
from tests.attacks.fuzz_http import description, fuzz
from tests.support.servers import missing

UNDESCRIBED = {"GET /api/v1/openapi.json"}
"""The description itself."""
HTTP_S_MAX = 120.0
"""Every operation takes 25 s on a quiet machine; on a busy one, the rest is left to the next seed."""
PAYLOADS_S = 8


def test_no_request_breaks_the_api_tells_of_its_inside_or_crosses_wards(seed: int) -> None:
    report = fuzz(seed=seed, examples=1, until_s=HTTP_S_MAX)
    print(report.told())
    assert report.broken == []
    assert any(400 <= status < 500 for status in report.statuses)


def test_every_route_of_the_api_is_described_and_so_fuzzed() -> None:
    described = {f"{method.upper()} {path}" for path, methods in description()["paths"].items() for method in methods}
    ruled = {re.sub(r":path}", "}", key) for key in RULES if key.split(" ")[1].startswith("/api/")}
    assert ruled - described == UNDESCRIBED


def test_no_bytes_break_what_decodes_them(seed: int, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        missing("Atheris")
    done = payloads(seconds=PAYLOADS_S, seed=seed % 2**31, corpus=tmp_path / "corpus")
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "stat::number_of_executed_units" in done.stdout
