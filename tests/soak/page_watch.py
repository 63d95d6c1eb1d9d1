"""Somebody at the ward's page: when each probe's high alert comes to their browser."""

import contextlib
import threading
from collections.abc import Sequence

import httpx
import msgspec

from runtime.clock import SystemClock

SHOWN_KIND = "spo2-low"
"""What a probe alarms of."""
READ_S_MAX = 30.0
"""The stream tells the time each few seconds: quieter than this it is broken."""
AGAIN_S = 1.0
LIVE_S_MAX = 120.0


class _Alert(msgspec.Struct, frozen=True):
    kind: str


class _Tile(msgspec.Struct, frozen=True):
    patient_id: str
    alerts: Sequence[_Alert]


class _Clock(msgspec.Struct, frozen=True):
    live: bool


class _Snapshot(msgspec.Struct, frozen=True):
    tiles: Sequence[_Tile]
    clock: _Clock


class PageWatch:
    """One browser on the live stream, in a thread of its own, until closed."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/events"
        self._clock = SystemClock()
        self._closed = threading.Event()
        self.shown_s: dict[str, float] = {}
        """When a patient's alert first came to the page, by patient."""
        self._live = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="page-watch", daemon=True)
        self._thread.start()

    def until_live(self) -> None:
        """Returns once the page has said that it follows the log; raises TimeoutError."""
        if not self._live.wait(LIVE_S_MAX):
            raise TimeoutError("The page did not get live.")

    def close(self) -> None:
        """Look no longer; the connection ends with the process."""
        self._closed.set()

    def _follow(self) -> None:
        while not self._closed.is_set():
            with (
                contextlib.suppress(httpx.HTTPError),
                httpx.stream("GET", self._url, timeout=READ_S_MAX, trust_env=False) as answer,
            ):
                name = ""
                for line in answer.iter_lines():
                    field, _, value = line.partition(": ")
                    name = value if field == "event" else name
                    if field == "data":
                        self._read(name, value)
            self._closed.wait(AGAIN_S)

    def _read(self, event: str, data: str) -> None:
        match event:
            case "snapshot":
                snapshot = msgspec.json.decode(data, type=_Snapshot)
                self._see(snapshot.tiles)
                if snapshot.clock.live:
                    self._live.set()
            case "tile":
                self._see([msgspec.json.decode(data, type=_Tile)])
            case "clock" if msgspec.json.decode(data, type=_Clock).live:
                self._live.set()

    def _see(self, tiles: Sequence[_Tile]) -> None:
        now_s = self._clock.monotonic_s()
        for tile in tiles:
            if any(alert.kind == SHOWN_KIND for alert in tile.alerts):
                self.shown_s.setdefault(tile.patient_id, now_s)
