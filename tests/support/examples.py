"""How many examples a property is tried on: few in the fast loop, all of them in `make test` and CI."""

import os
from typing import Any

from hypothesis import settings

THOROUGH_VARIABLE = "WARDLIGHT_TEST_THOROUGH"
THOROUGH = os.environ.get(THOROUGH_VARIABLE, "") not in {"", "0"}
FAST_SHARE = 10
FAST_EXAMPLES_MIN = 2


def examples(number: int, **more: Any) -> settings:
    """Settings of a property that is tried on so many examples, and on a tenth of them in the fast loop."""
    return settings(max_examples=how_many(number), deadline=None, **more)


def how_many(number: int) -> int:
    """So many, or a tenth of them, but a few at least, in the fast loop."""
    return number if THOROUGH else min(number, max(FAST_EXAMPLES_MIN, number // FAST_SHARE))
