"""What each channel puts on the wire, and what it makes of the answer."""

import base64
import hashlib
import hmac
from typing import Any

import pytest

from alerts.notification import Channel, DeliveryFault, NotificationKind, Place, Undelivered
from tests.support.channel_scene import AT_MS, PATIENT, SECRET, notification, quiet, sending, step
from tests.support.endpoint import Endpoint, answer
from vitals.alert import Priority, TransitionKind
from vitals.sign import Sign

pytestmark = pytest.mark.asyncio
BY_HTTP = [channel for channel in Channel if channel not in (Channel.EMAIL, Channel.APPRISE)]


def where(channel: Channel, endpoint: Endpoint) -> str:
    return endpoint.url("/north-nurses" if channel is Channel.NTFY else "/hook")


async def test_a_webhook_is_signed_over_id_time_and_body_and_names_its_event() -> None:
    async with Endpoint().listening() as server, sending() as send:
        accepted = await send(Channel.WEBHOOK, server.url())
    (asked,) = server.asked
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    stamp = int(asked.headers["webhook-timestamp"])
    expected = hmac.new(key, f"n-1.{stamp}.".encode() + asked.body, hashlib.sha256).digest()
    assert asked.headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert asked.headers["webhook-id"] == asked.headers["idempotency-key"] == "n-1"
    assert asked.headers["wardlight-event-number"] == "7"
    assert stamp == AT_MS // 1000
    assert accepted.is_delivered
    (event,) = asked.json["events"]
    assert (event["ward"], event["bed"], event["priority"], event["value"], event["unit"]) == (
        "North", "Bed 12", "high", 84.0, "%",
    )  # fmt: skip


async def test_the_body_is_the_same_bytes_at_every_attempt() -> None:
    async with Endpoint().listening() as server, sending() as send:
        for attempt in (1, 2):
            await send(Channel.WEBHOOK, server.url(), notification(attempt=attempt))
    first, second = server.asked
    assert first.body == second.body
    assert (first.headers["wardlight-attempt"], second.headers["wardlight-attempt"]) == ("1", "2")


@pytest.mark.parametrize("secret", [None, "short", "whsec_not base64", "whsec_c2hvcnQ="])
async def test_a_webhook_that_cannot_be_signed_is_not_sent(secret: str | None) -> None:
    async with Endpoint().listening() as server, sending() as send:
        with pytest.raises(Undelivered) as failed:
            await send(Channel.WEBHOOK, server.url(), secret=secret)
    assert (failed.value.code, failed.value.retryable) == (DeliveryFault.MISCONFIGURED, False)
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (301, "refused", False), (307, "refused", True), (400, "refused", False), (401, "unauthorized", True),
        (403, "unauthorized", True), (404, "gone", True), (408, "timed_out", True), (410, "gone", False),
        (413, "too_large", False), (422, "refused", False), (425, "server_error", True), (429, "rate_limited", True),
        (500, "server_error", True), (503, "server_error", True), (600, "answer_invalid", True),
    ],
)  # fmt: skip
async def test_an_answer_decides_whether_it_is_tried_again(status: int, code: str, retryable: bool) -> None:  # noqa: FBT001
    async with Endpoint(answers=[answer(status)]).listening() as server, sending() as send:
        with pytest.raises(Undelivered) as failed:
            await send(Channel.WEBHOOK, server.url("/secret-path"))
    assert (failed.value.code, failed.value.retryable) == (DeliveryFault(code), retryable)
    assert "secret-path" not in failed.value.sentence


async def test_a_receiver_that_had_it_already_has_it() -> None:
    async with Endpoint(answers=[answer(409)]).listening() as server, sending() as send:
        assert (await send(Channel.WEBHOOK, server.url())).is_delivered


@pytest.mark.parametrize(
    ("said", "heard"),
    [("7", 7.0), ("99999", 3600.0), ("soon", None), ("-5", None), ("", None), ("Thu, 01 Jan 1970 00:00:00 GMT", None)],
)
async def test_what_a_server_asks_for_is_heard_within_reason(said: str, heard: float | None) -> None:
    busy = answer(503, headers={"Retry-After": said})
    async with Endpoint(answers=[busy]).listening() as server, sending() as send:
        with pytest.raises(Undelivered) as failed:
            await send(Channel.WEBHOOK, server.url())
    assert failed.value.retry_after_s == heard


async def test_a_retry_after_in_the_form_of_a_date_is_a_time_from_now() -> None:
    busy = answer(429, headers={"Retry-After": "Wed, 01 Jan 2200 00:00:00 GMT"})
    async with Endpoint(answers=[busy]).listening() as server, sending() as send:
        with pytest.raises(Undelivered) as failed:
            await send(Channel.WEBHOOK, server.url())
    assert failed.value.retry_after_s == 3600.0


@pytest.mark.parametrize("channel", BY_HTTP)
async def test_no_channel_reaches_an_address_that_the_settings_do_not_open(channel: Channel) -> None:
    async with Endpoint().listening() as server, sending(hosts_allowed=("127.0.0.1:1",)) as send:
        with pytest.raises(Undelivered) as failed:
            await send(channel, where(channel, server))
    assert (failed.value.code, failed.value.retryable) == (DeliveryFault.ADDRESS_FORBIDDEN, False)
    assert server.asked == []


@pytest.mark.parametrize("channel", BY_HTTP)
async def test_no_channel_tells_who_the_patient_is_or_who_charted(channel: Channel) -> None:
    private = step(text="Consciousness P, charted by Zoe Nurse", by="Zoe Nurse")
    async with Endpoint().listening() as server, sending() as send:
        await send(channel, where(channel, server), notification(private), options={"content": "full-resource"})
    assert b"Zoe" not in server.asked[0].body
    assert b"Bed 12" in server.asked[0].body


async def test_ntfy_rings_by_priority_and_not_for_what_is_over() -> None:
    async def priority_of(told: Any) -> Any:
        await send(Channel.NTFY, server.url("/north-nurses"), told, secret="tk_abc")
        return server.asked[-1].json["priority"]

    async with Endpoint(answers=[answer(200, body=b'{"id":"xyz"}')]).listening() as server, sending() as send:
        rings = [await priority_of(notification(step(priority=priority))) for priority in Priority]
        over = await priority_of(notification(step(transition=TransitionKind.RESOLVED, active=False)))
        beat = await priority_of(quiet(NotificationKind.HEARTBEAT))
        accepted = await send(Channel.NTFY, server.url("/north-nurses"))
    assert (rings, over, beat) == ([5, 4, 2], 2, 1)
    first, last = server.asked[0], server.asked[-1]
    assert first.path == "/"
    assert first.headers["authorization"] == "Bearer tk_abc"
    assert (first.json["topic"], first.json["title"]) == ("north-nurses", "HIGH: SpO2 low, Bed 12, North")
    assert first.json["click"] == "https://ward.example/patients/p-7"
    assert first.json["sequence_id"] == last.json["sequence_id"]
    assert (accepted.reference, accepted.is_delivered) == ("xyz", False)


@pytest.mark.parametrize("path", ["/", "", "/a b", "/ä"])
async def test_an_address_of_ntfy_without_a_topic_is_refused_for_good(path: str) -> None:
    async with Endpoint().listening() as server, sending() as send:
        with pytest.raises(Undelivered) as failed:
            await send(Channel.NTFY, server.url(path))
    assert failed.value.code is DeliveryFault.MISCONFIGURED


async def test_a_flood_still_fits_into_one_push() -> None:
    steps = [step(text="x" * 200) for _ in range(200)]
    async with Endpoint().listening() as server, sending() as send:
        await send(Channel.NTFY, server.url("/t"), notification(*steps))
    assert len(server.asked[0].json["message"].encode()) <= 4096


async def test_no_name_calls_a_whole_channel_of_a_chat() -> None:
    places = {PATIENT: Place("<!channel>", "<https://evil.example|Bed & 12>")}
    async with Endpoint().listening() as server, sending() as send:
        await send(Channel.SLACK, server.url(), notification(places=places))
    text = server.asked[0].json["text"]
    assert "&lt;!channel&gt;" in text
    assert "&lt;https://evil.example|Bed &amp; 12&gt;" in text
    assert "<https://ward.example/seen/abc|Seen>" in text


async def test_teams_gets_a_card_of_plain_text_with_buttons() -> None:
    async with Endpoint(answers=[answer(202)]).listening() as server, sending() as send:
        await send(Channel.TEAMS, server.url())
    (attachment,) = server.asked[0].json["attachments"]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["body"][0]["inlines"][0]["text"] == "HIGH: SpO2 low, Bed 12, North"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [action["url"] for action in card["actions"]] == [
        "https://ward.example/patients/p-7",
        "https://ward.example/seen/abc",
    ]


async def test_an_on_call_tool_gets_alertmanagers_webhook_version_4() -> None:
    over = step(transition=TransitionKind.RESOLVED, active=False, at_ms=AT_MS + 60_000)
    async with Endpoint().listening() as server, sending() as send:
        await send(Channel.ALERTMANAGER, server.url(), notification(), name="on-call", secret="token")
        await send(Channel.ALERTMANAGER, server.url(), notification(over))
    fires, ends = (asked.json for asked in server.asked)
    assert server.asked[0].headers["authorization"] == "Bearer token"
    assert set(fires) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts",
    }  # fmt: skip
    assert (fires["version"], fires["status"], fires["receiver"]) == ("4", "firing", "on-call")
    (alert,), (ended,) = fires["alerts"], ends["alerts"]
    assert set(alert) == {
        "status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint",
    }  # fmt: skip
    assert (alert["labels"]["alertname"], alert["labels"]["severity"]) == ("spo2-low", "critical")
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-09-21T14:12:40.000Z", "0001-01-01T00:00:00Z")
    assert (ends["status"], ended["endsAt"]) == ("resolved", "2026-09-21T14:14:20.000Z")
    assert ended["fingerprint"] == alert["fingerprint"]
    assert ends["groupKey"] == fires["groupKey"]


async def test_many_alerts_share_what_they_have_in_common() -> None:
    other = step(episode_id="e-2", priority=Priority.LOW, sign=Sign.HEART_RATE)
    async with Endpoint().listening() as server, sending() as send:
        await send(Channel.ALERTMANAGER, server.url(), notification(step(), other))
    common = server.asked[0].json["commonLabels"]
    assert common["ward_id"] == "north"
    assert "severity" not in common
    assert len({alert["fingerprint"] for alert in server.asked[0].json["alerts"]}) == 2


async def test_alertmanager_itself_gets_a_list_in_which_what_rose_ends_as_what_it_was() -> None:
    async with Endpoint().listening() as server, sending() as send:
        await send(Channel.ALERTMANAGER, server.url("/api/v2/alerts"), notification(step(priority=Priority.MEDIUM)))
        await send(Channel.ALERTMANAGER, server.url("/api/v2/alerts"), quiet(NotificationKind.HEARTBEAT))
    alerts, beat = (asked.json for asked in server.asked)
    assert [(alert["labels"]["severity"], alert["endsAt"]) for alert in alerts] == [
        ("warning", "2026-09-22T14:13:20.000Z"),
        ("info", "2026-09-21T14:13:20.000Z"),
    ]
    assert set(alerts[0]) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    assert beat[0]["labels"]["alertname"] == "Watchdog"
