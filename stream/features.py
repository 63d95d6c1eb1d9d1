"""What the models see of a reading: each sign's deviation from what is usual for the patient; absent stays absent."""

from collections.abc import Collection, Mapping

import msgspec

from stream.anomaly_trees import DEVIATION_LIMITS
from stream.baseline import PersonalBaselines
from vitals.sign import Sign

CORE_SIGNS = frozenset({Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2})
"""At least one of these must be known, its baseline warm, for a moment to be scored or learned as a whole."""
HOLD_MS = 60_000
"""For how long a sign stands in for itself beside readings that lack it: devices of one patient take turns. Our choice."""


class RecentSigns(msgspec.Struct):
    """The last value of each sign, and when; mutable."""

    values: dict[Sign, float] = {}
    at_ms: dict[Sign, int] = {}
    barred: list[Sign] = []
    """Those whose last value nobody may learn from."""

    def take(self, signs: Mapping[Sign, float], at_ms: int, barred: Collection[Sign] = ()) -> None:
        """Remember a reading that came in order, and which of its values are not to be learned from."""
        self.values.update(signs)
        self.at_ms.update(dict.fromkeys(signs, at_ms))
        if barred or self.barred:
            self.barred = sorted({*self.barred}.difference(signs).union(barred))

    def since(self, after_ms: int | None, until_ms: int) -> dict[Sign, float]:
        """What may be learned from, after `after_ms` and not after `until_ms`: at most one value per sign, the last one."""
        return {
            sign: self.values[sign]
            for sign, measured_ms in self.at_ms.items()
            if measured_ms <= until_ms and (after_ms is None or measured_ms > after_ms) and sign not in self.barred
        }

    def held(self, sign: Sign, at_ms: int) -> float | None:
        """The sign's last value if it was measured at most `HOLD_MS` before `at_ms`, and not after it."""
        measured_ms = self.at_ms.get(sign)
        if measured_ms is None or not 0 <= at_ms - measured_ms <= HOLD_MS:
            return None
        return self.values[sign]


def deviations(
    signs: Mapping[Sign, float], at_ms: int, recent: RecentSigns, baselines: PersonalBaselines
) -> dict[Sign, float] | None:
    """Deviation from usual, in the sign's unit, of every sign known at `at_ms` whose baseline is warm.

    None where no core sign is among them: then there is too little to judge the patient by.
    """
    found: dict[Sign, float] = {}
    warm = baselines.warm.get
    for sign in DEVIATION_LIMITS:
        baseline = warm(sign)
        if baseline is None:
            continue
        value = signs.get(sign)
        if value is None:
            value = recent.held(sign, at_ms)
        if value is not None:
            found[sign] = value - baseline.usual
    return None if CORE_SIGNS.isdisjoint(found) else found
