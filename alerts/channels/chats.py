"""Chats that take a message at an address of their own: Slack's shape, which others share, and Teams' cards.

The address is the secret of such a channel: no error, log line or receipt of ours shows more of it than the host.
"""

from typing import Any, Final

import msgspec

from alerts.channels.answers import handed_over
from alerts.channels.texts import FOOT, Said, Texts
from alerts.notification import Accepted, Destination, Link, Notification
from runtime.clock import Clock
from runtime.outgoing_http import OutgoingHttp

SLACK_BYTES_MAX: Final = 3000
TEAMS_BYTES_MAX: Final = 16_000
"""Teams refuses a card beyond 28 KB; the rest of it is ours."""
_LABELS: Final = {Link.OPEN: "Open", Link.SEEN: "Seen"}
_JSON: Final = {"Content-Type": "application/json"}


class SlackChannel:
    """Slack's incoming webhook, as Mattermost, Rocket.Chat and Zulip take it too."""

    def __init__(self, http: OutgoingHttp, *, clock: Clock, texts: Texts) -> None:
        self._http = http
        self._clock = clock
        self._texts = texts

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        body = msgspec.json.encode(slack_message(self._texts.said(destination, notification), notification))
        await handed_over(self._http, destination.address, headers=_JSON, body=body, now_ms=self._clock.now_ms())
        return Accepted()


class TeamsChannel:
    """A workflow of Teams that posts the card it is sent."""

    def __init__(self, http: OutgoingHttp, *, clock: Clock, texts: Texts) -> None:
        self._http = http
        self._clock = clock
        self._texts = texts

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        body = msgspec.json.encode(teams_message(self._texts.said(destination, notification), notification))
        await handed_over(self._http, destination.address, headers=_JSON, body=body, now_ms=self._clock.now_ms())
        return Accepted()


def slack_message(said: Said, notification: Notification) -> dict[str, Any]:
    """Text whose three special characters are escaped, so that no name can call a channel or make a link."""
    links = " · ".join(f"<{_escaped(url)}|{_LABELS[link]}>" for link, url in notification.links.items())
    lines = [f"*{_escaped(said.title)}*", _escaped(said.body(bytes_max=SLACK_BYTES_MAX)), links, f"_{FOOT}_"]
    return {"text": "\n".join(line for line in lines if line), "unfurl_links": False, "unfurl_media": False}


def teams_message(said: Said, notification: Notification) -> dict[str, Any]:
    """An adaptive card of plain runs of text, in which no markup is read."""
    colour = "Attention" if said.is_page else "Default"
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            _runs(said.title, weight="Bolder", color=colour),
            *(_runs(line) for line in said.body(bytes_max=TEAMS_BYTES_MAX).split("\n") if line),
            _runs(FOOT, isSubtle=True),
        ],
        "actions": [
            {"type": "Action.OpenUrl", "title": _LABELS[link], "url": url} for link, url in notification.links.items()
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _runs(text: str, **looks: object) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **looks}]}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
