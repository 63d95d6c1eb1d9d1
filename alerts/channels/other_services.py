"""Services beyond ours by the library apprise (SMS, pagers, messengers): off until the settings name them, yes or no for a reason."""

import asyncio
import os
import sys
from typing import Final

import msgspec

from alerts.channels.answers import judged
from alerts.channels.apprise_process import Order, Outcome
from alerts.channels.settings import ChannelSettings
from alerts.channels.texts import FOOT, Said, Texts
from alerts.notification import Accepted, DeliveryFault, Destination, Link, Notification, Undelivered

BODY_BYTES_MAX: Final = 1500
_LABELS: Final = {Link.OPEN: "Open", Link.SEEN: "Seen"}


class OtherServicesChannel:
    """The secret is the whole address as apprise writes it; the destination's own address only says what it is.

    Each message runs in a process of its own, killed when its time is up: a service that hangs costs that process.
    """

    def __init__(self, settings: ChannelSettings, *, texts: Texts) -> None:
        self._settings = settings
        self._texts = texts
        self._room = asyncio.Semaphore(settings.apprise_processes_max)

    async def send(self, destination: Destination, notification: Notification) -> Accepted:
        """See `ChannelAdapter`."""
        if destination.secret is None or not self._settings.apprise_services:
            sentence = "This needs apprise's address as its secret, and its service in notifications.apprise_services."
            raise Undelivered(DeliveryFault.MISCONFIGURED, sentence, retryable=False)
        said = self._texts.said(destination, notification)
        order = Order(
            url=destination.secret.reveal(),
            title=said.title,
            body=_body(said, notification),
            is_page=said.is_page,
            hosts_allowed=self._settings.hosts_allowed,
            schemes=self._settings.apprise_services,
        )
        try:
            async with asyncio.timeout(self._settings.request_s), self._room:
                outcome = await _run(order)
        except TimeoutError as error:
            raise Undelivered(
                DeliveryFault.TIMED_OUT, "The service does not answer in time.", retryable=True
            ) from error
        return _accepted(outcome)


async def _run(order: Order) -> Outcome | None:
    """The child's outcome; None where it died without one. It never outlives this call."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "alerts.channels.apprise_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        answer, _ = await child.communicate(msgspec.json.encode(order))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        return msgspec.json.decode(answer, type=Outcome)
    except msgspec.DecodeError:
        return None


def _accepted(outcome: Outcome | None) -> Accepted:
    if outcome is None:
        raise Undelivered(DeliveryFault.CRASHED, "The process that sends to this service died.", retryable=True)
    if not outcome.is_known:
        sentence = "Apprise knows no such address, or notifications.apprise_services does not name its service."
        raise Undelivered(DeliveryFault.MISCONFIGURED, sentence, retryable=False)
    if outcome.accepted:
        return Accepted()
    if outcome.refused is not None:
        raise Undelivered(DeliveryFault.ADDRESS_FORBIDDEN, outcome.refused, retryable=True)
    if outcome.status is not None:
        code, retryable = judged(outcome.status)
        raise Undelivered(code, f"The service answers {outcome.status}.", retryable=retryable)
    raise Undelivered(DeliveryFault.UNREACHABLE, "The service did not take it; no reason is given.", retryable=True)


def _body(said: Said, notification: Notification) -> str:
    links = [f"{_LABELS[link]}: {url}" for link, url in notification.links.items()]
    return "\n".join([said.body(bytes_max=BODY_BYTES_MAX), *links, FOOT])
