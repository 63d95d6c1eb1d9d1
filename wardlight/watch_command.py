"""`wardlight watch`: follow alerts live in the terminal, until Ctrl-C."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from runtime.clock import Clock, SystemClock
from vitals.alert import Priority
from vitals.errors import Forbidden, NotFound, Unavailable
from wardlight.api_client import DEFAULT_URL, ApiClient, UrlOption, api
from wardlight.arguments import moment_text

LOOK_EVERY_S = 1.0
EPISODES_MAX = 1000
_STYLES = {Priority.HIGH: "bold red", Priority.MEDIUM: "yellow", Priority.LOW: "cyan"}
_RANK = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}

_NOTHING = {"priority": Priority.LOW.value, "acknowledged": False, "raised_at_ms": 0}
Seen = tuple[bool, bool, str, str, bool, int, bool]
"""What of an episode is worth a line when it changes: open, acknowledged, priority, text, latched, round, quiet."""


def add_to(app: typer.Typer) -> None:
    """Register `watch`."""

    @app.command()
    def watch(
        ward: Annotated[str | None, typer.Option(help="only this ward")] = None,
        priority: Annotated[Priority | None, typer.Option(help="this priority and those above it")] = None,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """A line for every alert that is raised, changes or ends; first those that are open now."""
        with api(url) as client:
            asyncio.run(_follow(client, SystemClock(), ward=ward, floor=priority or Priority.LOW))


async def _follow(client: ApiClient, clock: Clock, *, ward: str | None, floor: Priority) -> None:
    console = Console(highlight=False)
    rows = client.get("alerts", ward=ward, active="true", limit=EPISODES_MAX)
    seen: dict[str, Seen] = {}
    reachable = True
    while True:
        for row, changed in changes(seen, rows):
            if _RANK[Priority(row["priority"])] <= _RANK[floor]:
                console.print(line(row, changed), soft_wrap=True)
        await clock.sleep(LOOK_EVERY_S)
        try:
            rows = client.get("alerts", ward=ward, limit=EPISODES_MAX)
            rows += elsewhere(client, seen, rows, ward)
        except Unavailable as error:
            if reachable:
                console.print(Text(f"Not live: {error}", style="reverse red"), soft_wrap=True)
            reachable = False
            rows = []
            continue
        if not reachable:
            console.print(Text("Live again."), soft_wrap=True)
        reachable = True


def elsewhere(
    client: ApiClient, seen: Mapping[str, Seen], rows: Iterable[Mapping[str, Any]], ward: str | None
) -> list[dict[str, Any]]:
    """What was open here and is not listed any more, as it is now; `moved` where the patient lies on another ward."""
    listed = {row["episode_id"] for row in rows}
    found: list[dict[str, Any]] = []
    for episode_id in seen.keys() - listed:
        try:
            now = client.get(f"alerts/{episode_id}")
        except (Forbidden, NotFound):
            # Where the patient lies now is not for this person to see.
            now = {"episode_id": episode_id, "active": True, "ward_id": None, "patient_id": "", "text": "", **_NOTHING}
        found.append({**now, "moved": now["active"] and ward is not None and now["ward_id"] != ward})
    return found


def changes(seen: dict[str, Seen], rows: Iterable[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Seen | None]]:
    """The episodes that changed since the last look, oldest first, with what they were; `seen` is brought up to date.

    Episodes that had ended before they were first seen are not news, and those that have ended are forgotten: `seen`
    holds what is open.
    """
    news: list[tuple[Mapping[str, Any], Seen | None]] = []
    for row in sorted(rows, key=lambda row: row["raised_at_ms"]):
        now = _seen(row)
        before = seen.get(row["episode_id"])
        if (before == now and not row.get("moved")) or (before is None and not now[0]):
            continue
        if row.get("moved"):
            del seen[row["episode_id"]]
        elif now[0]:
            seen[row["episode_id"]] = now
        else:
            del seen[row["episode_id"]]
        news.append((row, before))
    return news


def line(row: Mapping[str, Any], before: Seen | None) -> Text:
    """One change as a line of text."""
    event, at_ms = _event(row, before)
    is_told = _seen(row)[0] and not row.get("suppression")
    style = _STYLES[Priority(row["priority"])] if is_told else "dim"
    return Text(
        f"{moment_text(at_ms)}  {row['priority']:<6}  {event:<13}  {row['ward_id']}/{row['patient_id']}  {row['text']}",
        style=style,
    )


def _seen(row: Mapping[str, Any]) -> Seen:
    latched = bool(row.get("latched"))
    return (
        row["active"] or latched,
        row["acknowledged"],
        row["priority"],
        row["text"],
        latched,
        row.get("round") or 0,
        row.get("suppression") is not None,
    )


def _event(row: Mapping[str, Any], before: Seen | None) -> tuple[str, int]:
    """What happened, and when: the first of these that is so."""
    is_open, acknowledged, _, _, latched, told, is_quiet = _seen(row)
    raised_ms = row["raised_at_ms"]
    last_ms, ended_ms = row.get("last_at_ms") or raised_ms, row.get("resolved_at_ms") or raised_ms
    _, was_acknowledged, _, _, was_latched, was_told, was_quiet = _seen(row) if before is None else before
    happened = (
        (row.get("moved"), "moved away", raised_ms),
        (row.get("retracted"), "taken back", ended_ms),
        (not is_open, "ended", ended_ms),
        (before is None, "raised, quiet" if is_quiet else "raised", raised_ms),
        (is_quiet and not was_quiet, "quiet", last_ms),
        (was_quiet and not is_quiet, "told now", last_ms),
        (acknowledged and not was_acknowledged, "acknowledged", row.get("acknowledged_at_ms") or raised_ms),
        (told > was_told, "told again", last_ms),
        (latched and not was_latched, "ended, unseen", last_ms),
    )
    return next(((event, at_ms) for is_so, event, at_ms in happened if is_so), ("changed", raised_ms))
