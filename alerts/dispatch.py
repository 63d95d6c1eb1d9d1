"""The dispatcher: sends what is due, each destination in tasks of its own, so that a hanging one delays no other.

A destination has two lanes, one for high alerts and one for the rest, each sending one notification at a time: a claim in
SQL, one attempt, its outcome in SQL. What a process was sending when it died is sent again once its lease has run out,
under the same id; several processes may dispatch, since a claim is a row in SQL.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, TypeVar

import structlog

from alerts.notification import Accepted, Channels, DeliveryFault, NotificationKind, Undelivered
from alerts.notification_settings import NotificationsSettings
from alerts.outbox import heard_ms, most_urgent, next_attempt, notification_of
from alerts.outbox_grouping import Waiting, plan
from runtime.blocking import Door
from runtime.clock import Clock
from runtime.retry import Backoff
from runtime.telemetry import Telemetry
from storage.destinations import destinations_due
from storage.notifications_endings import Ended
from storage.notifications_outbox import Answer, Chosen, Claimed, Fresh, Later, claim_next
from storage.notifications_outcome import put_accepted, put_failed, release
from storage.seen_links import seen_token
from storage.session import Connection, Database, in_snapshot, in_transaction
from storage.signing import Signer, load_signer
from vitals.errors import Unavailable

log = structlog.get_logger()

COMPONENT: Final = "notification-dispatch"
_LOOK_AGAIN_S_MAX: Final = 1.0
"""A lane in which all waits for others is looked at again so soon, since what comes may complete a group."""
ResultT = TypeVar("ResultT")
Lane = tuple[str, bool]
"""Destination, and whether it is that of high alerts."""


class Dispatcher:
    """Runs lanes for destinations that something is due for; bounded by twice the number of destinations there may be."""

    def __init__(
        self,
        *,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: NotificationsSettings,
        channels: Channels,
        random_source: random.Random | None = None,
    ) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings
        self._channels = channels
        self._chance = random.random if random_source is None else random_source.random
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._signer: Signer | None = None
        self._lanes: dict[Lane, asyncio.Task[None]] = {}
        self._rests_until_ms: dict[Lane, int] = {}

    def wake(self) -> None:
        """Something was queued: look now."""
        self._news.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping`; then what is being sent is released, for others or for the next start."""
        self._stopping = stopping
        backoff = Backoff(clock=self._clock, cap_s=self._settings.retry_s_max)
        try:
            while not stopping.is_set():
                try:
                    await self.look()
                except Unavailable as error:
                    self._telemetry.not_ready(COMPONENT, str(error))
                    await backoff.pause(until=stopping)
                    continue
                backoff.reset()
                self._telemetry.ready(COMPONENT)
                await self._rest()
        finally:
            for lane in self._lanes.values():
                lane.cancel()
            await asyncio.gather(*self._lanes.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begin a lane wherever something is due and none is at work; raises Unavailable."""
        self._news.clear()
        if self._signer is None:
            self._signer = await in_snapshot(self._door, self._database, load_signer)
        now_ms = self._clock.now_ms()
        due = await in_snapshot(self._door, self._database, destinations_due, now_ms=now_ms)
        self._lanes = {lane: task for lane, task in self._lanes.items() if not task.done()}
        for lane in due:
            if lane not in self._lanes and self._rests_until_ms.get(lane, 0) <= now_ms:
                if len(self._lanes) >= self._settings.sending_max:
                    break
                self._rests_until_ms.pop(lane, None)
                self._lanes[lane] = asyncio.create_task(self._serve(lane), name=f"send-{lane[0]}-{lane[1]}")

    async def idle(self) -> None:
        """Until every lane that works now has nothing more to do; for tests."""
        while running := [lane for lane in self._lanes.values() if not lane.done()]:
            await asyncio.wait(running)

    async def _rest(self) -> None:
        await _first_of(self._clock.sleep(self._settings.look_s), self._news.wait(), self._stopping.wait())

    async def _serve(self, lane: Lane) -> None:
        """Send what is due in one lane, one after another, until nothing is."""
        try:
            while not self._stopping.is_set():
                answer = await in_transaction(self._door, self._database, self._claim, lane)
                self._tell_ended(answer.ended)
                if isinstance(answer.work, Later):
                    self._put_to_rest(lane, answer.work.look_at_ms)
                    return
                await self._attempt(answer.work)
                if not lane[1] and self._settings.pace_s:
                    await self._clock.sleep(self._settings.pace_s)
        except Unavailable as error:
            log.warning("sending_put_off", destination=lane[0], error=str(error))
            self._put_to_rest(lane, self._clock.now_ms() + 1000)
        except Exception:  # a worker's loop: one destination must not keep the others from being told
            self._telemetry.count("wardlight_alerts_lane_failures_total")
            log.exception("sending_failed", destination=lane[0])
            self._put_to_rest(lane, self._clock.now_ms() + round(self._settings.retry_s_max * 1000))

    def _put_to_rest(self, lane: Lane, until_ms: int | None) -> None:
        soon_ms = self._clock.now_ms() + round(_LOOK_AGAIN_S_MAX * 1000)
        if until_ms is not None:
            self._rests_until_ms[lane] = until_ms if lane[1] else min(until_ms, soon_ms)

    def _claim(self, conn: Connection, lane: Lane) -> Answer:
        return claim_next(
            conn,
            lane[0],
            high=lane[1],
            now_ms=self._clock.now_ms(),
            lease_ms=round((self._settings.attempt_timeout_s + self._settings.lease_margin_s) * 1000),
            window_ms=round(self._settings.flood_window_s * 1000),
            planner=self._plan,
        )

    def _plan(self, fresh: Sequence[Fresh], made_before: Sequence[tuple[tuple[str, str], int]], now_ms: int) -> Chosen:
        waiting = [Waiting(*one) for one in fresh]
        return Chosen(*plan(waiting, made_before, self._settings.flood(), now_ms=now_ms))

    async def _attempt(self, claimed: Claimed) -> None:
        """One attempt and its outcome; when the process ends in the middle, the claim is released."""
        try:
            accepted = await self._send(claimed)
        except Undelivered as error:
            await self._put_failed(claimed, error)
            return
        except asyncio.CancelledError:
            await self._release(claimed)
            raise
        await self._put_accepted(claimed, accepted)

    async def _send(self, claimed: Claimed) -> Accepted:
        destination = claimed.destination
        adapter = self._channels.get(destination.channel)
        if adapter is None:
            sentence = f"This process cannot send by {destination.channel.value}."
            raise Undelivered(DeliveryFault.CHANNEL_OFF, sentence, retryable=True)
        try:
            notification = notification_of(
                claimed, base_url=self._settings.base_url, seen_token=self._seen_token(claimed)
            )
            async with asyncio.timeout(self._settings.attempt_timeout_s):
                return await adapter.send(destination, notification)
        except TimeoutError as error:
            sentence = f"No answer within {self._settings.attempt_timeout_s:g} s."
            raise Undelivered(DeliveryFault.TIMED_OUT, sentence, retryable=True) from error
        except Undelivered:
            raise
        except Exception as error:  # counted as a failed attempt (`crashed`), on record, and tried again
            log.exception("channel_crashed", channel=destination.channel.value, destination=destination.destination_id)
            sentence = f"The channel failed: {type(error).__name__}."
            raise Undelivered(DeliveryFault.CRASHED, sentence, retryable=True) from error

    def _seen_token(self, claimed: Claimed) -> str | None:
        if self._signer is None or not self._settings.seen_links or claimed.purpose is not NotificationKind.EVENT:
            return None
        first_ms = min(one.created_at_ms for one in claimed.deliveries)
        until_ms = first_ms + round(self._settings.seen_link_h * 3_600_000)
        return seen_token(self._signer, claimed.notification_id, until_ms)

    async def _put_accepted(self, claimed: Claimed, accepted: Accepted) -> None:
        now_ms = self._clock.now_ms()
        await self._put_down(
            lambda conn: put_accepted(
                conn,
                claimed,
                is_delivered=accepted.is_delivered,
                reference=accepted.reference,
                now_ms=now_ms,
            )
        )
        channel = claimed.destination.channel.value
        self._telemetry.count("wardlight_alerts_notifications_sent_total", channel=channel, kind=claimed.purpose.value)
        grouped = len(claimed.deliveries) - 1
        if grouped:
            self._telemetry.count("wardlight_alerts_notifications_grouped_total", grouped)
        heard, priority = heard_ms(claimed), most_urgent(claimed)
        if heard is not None and priority is not None:
            self._telemetry.observe(
                "wardlight_alerts_heard_to_accepted_seconds", max(now_ms - heard, 0) / 1000, priority=priority.value
            )

    async def _put_failed(self, claimed: Claimed, error: Undelivered) -> None:
        now_ms = self._clock.now_ms()
        following = next_attempt(claimed, error, self._settings, chance=self._chance(), now_ms=now_ms)
        ended = await self._put_down(
            lambda conn: put_failed(
                conn,
                claimed,
                code=error.code,
                sentence=error.sentence,
                next_at_ms=following.at_ms,
                paused_until_ms=following.paused_until_ms,
                now_ms=now_ms,
            )
        )
        destination = claimed.destination
        log.warning(
            "notification_not_accepted",
            destination=destination.destination_id,
            notification=claimed.notification_id,
            code=error.code.value,
            sentence=error.sentence,
            again_in_s=None if following.at_ms is None else (following.at_ms - now_ms) / 1000,
        )
        self._telemetry.count(
            "wardlight_alerts_notification_failures_total", channel=destination.channel.value, code=error.code.value
        )
        self._tell_ended(ended)

    async def _release(self, claimed: Claimed) -> None:
        now_ms = self._clock.now_ms()
        try:
            await in_transaction(self._door, self._database, release, claimed, now_ms=now_ms)
        except Unavailable as error:
            log.warning("claim_not_released", notification=claimed.notification_id, error=str(error))

    async def _put_down(self, write: Callable[[Connection], ResultT]) -> ResultT:
        """Store what came of an attempt; while the database does not answer it is tried again, since it did come of it."""
        backoff = Backoff(clock=self._clock, cap_s=self._settings.retry_s_max)
        while True:
            try:
                return await in_transaction(self._door, self._database, write)
            except Unavailable:
                if self._stopping.is_set():
                    raise
                await backoff.pause(until=self._stopping)

    def _tell_ended(self, ended: Sequence[Ended]) -> None:
        for one in ended:
            code = "none" if one.code is None else one.code.value
            log.error("delivery_given_up", delivery=one.delivery_id, state=one.state.value, code=code)
            self._telemetry.count("wardlight_alerts_deliveries_given_up_total", state=one.state.value, code=code)


async def _first_of(*waits: Coroutine[object, object, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
