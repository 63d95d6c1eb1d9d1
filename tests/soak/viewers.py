"""People who look: one stays on the live stream, one comes and goes, and pages are asked for, as on a ward."""

import asyncio
import contextlib
from collections import Counter

import httpx

from runtime.clock import Clock

STAY_S = 45.0
"""How long the one who comes and goes stays on the stream."""
ASK_EVERY_S = 5.0
_PAGES = (
    "/api/v1/patients",
    "/api/v1/alerts",
    "/api/v1/patients/patient-001/history?sign=heart_rate_bpm",
    "/api/v1/patients/patient-001",
    "/api/v1/status",
    "/api/v1/devices",
    "/",
)


class Viewers:
    """Browsers on the page at `port`, until cancelled; counts what they were answered."""

    def __init__(self, port: int, *, clock: Clock) -> None:
        self._clock = clock
        self._base = f"http://127.0.0.1:{port}"
        self.answered = 0
        self.refused: Counter[str] = Counter()
        self.events = 0

    async def run(self) -> None:
        """Look until cancelled; a page that does not answer is counted and asked again."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._watch(stay_s=None), name="viewer-staying")
            together.create_task(self._watch(stay_s=STAY_S), name="viewer-coming-and-going")
            together.create_task(self._ask(), name="viewer-asking")

    async def _watch(self, *, stay_s: float | None) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError, TimeoutError):
                async with (
                    asyncio.timeout(stay_s),
                    httpx.AsyncClient(base_url=self._base, timeout=60) as browser,
                    browser.stream("GET", "/api/v1/events") as answer,
                ):
                    async for line in answer.aiter_lines():
                        self.events += line.startswith("event:")
            await self._clock.sleep(1)

    async def _ask(self) -> None:
        number = 0
        async with httpx.AsyncClient(base_url=self._base, timeout=30) as browser:
            while True:
                page = _PAGES[number % len(_PAGES)]
                try:
                    answer = await browser.get(page)
                    if answer.is_success:
                        self.answered += 1
                    else:
                        self.refused[f"{answer.status_code} {page}"] += 1
                except httpx.HTTPError as error:
                    self.refused[f"{type(error).__name__} {page}"] += 1
                number += 1
                await self._clock.sleep(ASK_EVERY_S)
