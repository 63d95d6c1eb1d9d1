"""What the models remember of the last readings, so that what devices say in turns can be learned together."""

from collections.abc import Collection, Mapping

import msgspec

from vitals.sign import Sign


class RecentSigns(msgspec.Struct):
    """The last value of each sign that came since something was last learned; mutable.

    By arrival, whatever time a value names: of two devices a little apart, and of messages that share a moment, every
    sign is learned.
    """

    values: dict[Sign, float] = {}
    barred: list[Sign] = []
    """Those whose last value nobody may learn from."""

    def take(self, signs: Mapping[Sign, float], barred: Collection[Sign] = ()) -> None:
        """Remember a reading that came in order, and which of its values are not to be learned from."""
        self.values.update(signs)
        if barred or self.barred:
            self.barred = sorted({*self.barred}.difference(signs).union(barred))

    def lesson(self) -> dict[Sign, float]:
        """What may be learned from now: at most one value per sign, the last one."""
        barred = self.barred
        return (
            {sign: value for sign, value in self.values.items() if sign not in barred} if barred else dict(self.values)
        )

    def taught(self) -> None:
        """All that came until now has been offered for learning."""
        self.values = {}
