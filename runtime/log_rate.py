"""Keeps a library's log readable through an outage: the same message at most once in a while, with how often it came."""

import logging

EVERY_S = 30.0
"""How long a message that was just logged is counted instead."""
KINDS_MAX = 500
"""Messages that are told apart."""


class RepeatFilter(logging.Filter):
    """Lets a message through once per `every_s`, and says how many like it were held back since.

    Messages are alike by logger and template. A library that fills its templates itself makes a new kind of each: of more
    than `kinds_max` the one that passed longest ago is forgotten.
    """

    def __init__(self, *, every_s: float = EVERY_S, kinds_max: int = KINDS_MAX) -> None:
        super().__init__()
        self._every_s = every_s
        self._kinds_max = kinds_max
        self._passed_at_s: dict[tuple[str, str], float] = {}
        self._held_back: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, str(record.msg))
        passed_at_s = self._passed_at_s.get(kind)
        if passed_at_s is not None and 0 <= record.created - passed_at_s < self._every_s:
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            return False
        self._passed_at_s.pop(kind, None)
        self._passed_at_s[kind] = record.created
        if len(self._passed_at_s) > self._kinds_max:
            oldest = next(iter(self._passed_at_s))
            del self._passed_at_s[oldest]
            self._held_back.pop(oldest, None)
        held_back = self._held_back.pop(kind, 0)
        if held_back:
            record.msg = f"{record.msg} (and {held_back} more like it in {record.created - (passed_at_s or 0):.0f} s)"
        return True


_FILTER = RepeatFilter()


def hold_back_repeats(library: str) -> None:
    """From now on, for the loggers that this library has by now; may be called again."""
    for name in [library, *logging.root.manager.loggerDict]:
        if name == library or name.startswith(f"{library}."):
            logging.getLogger(name).addFilter(_FILTER)
