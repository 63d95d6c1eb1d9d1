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
Seen = tuple[bool, bool, str, str]
"""What of an episode is worth a line when it changes: active, acknowledged, priority, reason."""


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
        now: Seen = (row["active"], row["acknowledged"], row["priority"], row["text"])
        before = seen.get(row["episode_id"])
        if (before == now and not row.get("moved")) or (before is None and not row["active"]):
            continue
        if row.get("moved"):
            del seen[row["episode_id"]]
        elif row["active"]:
            seen[row["episode_id"]] = now
        else:
            del seen[row["episode_id"]]
        news.append((row, before))
    return news


def line(row: Mapping[str, Any], before: Seen | None) -> Text:
    """One change as a line of text."""
    if row.get("moved"):
        event, at_ms = "moved away", row["raised_at_ms"]
    elif row.get("retracted"):
        event, at_ms = "taken back", row.get("resolved_at_ms") or row["raised_at_ms"]
    elif not row["active"]:
        event, at_ms = "ended", row.get("resolved_at_ms") or row["raised_at_ms"]
    elif before is None:
        event, at_ms = "raised", row["raised_at_ms"]
    elif row["acknowledged"] and not before[1]:
        event, at_ms = "acknowledged", row.get("acknowledged_at_ms") or row["raised_at_ms"]
    else:
        event, at_ms = "changed", row["raised_at_ms"]
    style = _STYLES[Priority(row["priority"])] if row["active"] else "dim"
    return Text(
        f"{moment_text(at_ms)}  {row['priority']:<6}  {event:<12}  {row['ward_id']}/{row['patient_id']}  {row['text']}",
        style=style,
    )
