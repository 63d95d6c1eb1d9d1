"""How long each part of an evaluation took."""

from evaluation.orders import Tell
from runtime.clock import Clock


class Durations:
    """Listens to what is being done, tells it on, and counts the seconds of each part by its title."""

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._began_s = self._since_s = clock.monotonic_s()
        self._doing = "beginning"
        self._seconds: dict[str, float] = {}

    def tell(self, title: str, done: int, total: int) -> None:
        """As `Tell`."""
        if title != self._doing:
            self._note()
            self._doing = title
        self._tell(title, done, total)

    def seconds(self) -> dict[str, float]:
        """Per title in the order of their beginning, and all of it as `total`."""
        self._note()
        return {name: round(s, 1) for name, s in self._seconds.items()} | {
            "total": round(self._since_s - self._began_s, 1)
        }

    def _note(self) -> None:
        now_s = self._clock.monotonic_s()
        self._seconds[self._doing] = self._seconds.get(self._doing, 0.0) + now_s - self._since_s
        self._since_s = now_s
