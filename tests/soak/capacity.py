"""How much a house can do: offered more until it is too much, then what lies between, until the two are close."""

TRIALS_MAX = 8
WITHIN = 1.15
"""What is too much, by what is not: near enough to call that the capacity."""


class CapacitySearch:
    """Which rate to offer next, by what became of those before."""

    def __init__(self, first: float) -> None:
        self.offered = first
        """To be tried next, per second."""
        self.capacity = 0.0
        """The most that was done."""
        self.too_much = float("inf")
        """The least that was not."""
        self._trials = 0

    @property
    def is_over(self) -> bool:
        """Whether the two are close enough, or trying has to end."""
        is_close = self.capacity > 0 and self.too_much <= WITHIN * self.capacity
        return is_close or self._trials >= TRIALS_MAX

    def tell(self, *, was_done: bool) -> None:
        """What became of `offered`."""
        self._trials += 1
        if was_done:
            self.capacity = self.offered
        else:
            self.too_much = self.offered
        self.offered = min(2 * self.offered, (self.capacity + self.too_much) / 2)
