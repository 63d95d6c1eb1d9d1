"""Ids that would be more than ids: in topics, paths, keys of the log; refused wherever they come in."""

import pytest

from dashboard.permissions import Role
from ingest.decoder import DecoderLimits, Refused, decode
from tests.support.people_scene import OWN, people_scene
from vitals.alert import AlertKind
from vitals.errors import InvalidArgument
from vitals.reading import DeviceId, PatientId, RejectionReason, WardId
from vitals.topics import accepted_topic, alert_topic, device_of, is_level, readings_topic, status_topic

BAD = [
    "", "+", "#", "a/b", "a/../b", "..", ".", "/", "$SYS", "a+", "#a", "a b", "a\0b", "a\nb", "a\r", "a\x1b[2J", "é", "a\u202e",
    "-a", "_a", "a" * 65, "a%2Fb", "a;b", "a'b", 'a"b', "a\\b", "<a>", "a\u2028", "а",  # noqa: RUF001 - a Cyrillic a
]  # fmt: skip
LIMITS = DecoderLimits(payload_bytes_max=4096, future_ms_max=1000, age_ms_max=1000)


@pytest.mark.parametrize("bad", BAD)
def test_no_such_id_stands_in_a_topic(bad: str) -> None:
    assert not is_level(bad)
    for topic in (readings_topic, status_topic, accepted_topic):
        with pytest.raises(InvalidArgument):
            topic(DeviceId(bad))
    with pytest.raises(InvalidArgument):
        alert_topic(WardId(bad), PatientId("p1"), AlertKind.SPO2_LOW)
    with pytest.raises(InvalidArgument):
        alert_topic(WardId("w1"), PatientId(bad), AlertKind.SPO2_LOW)


@pytest.mark.parametrize("bad", BAD)
def test_a_message_on_such_a_topic_is_refused(bad: str) -> None:
    verdict = decode(f"wardlight/v1/devices/{bad}/readings", b"{}", received_at_ms=0, limits=LIMITS)
    assert isinstance(verdict, Refused)
    assert verdict.reason is RejectionReason.BAD_TOPIC


@pytest.mark.parametrize(
    "topic",
    [
        "wardlight/v1/devices/w1/accepted",
        "wardlight/v1/alerts/w1/readings",
        "wardlight/v2/devices/w1/readings",
        "/wardlight/v1/devices/w1/readings",
        "wardlight/v1/devices/w1/readings/",
        "wardlight/v1/devices/w1/x/readings",
        "wardlight/v1/devices//readings",
        "WARDLIGHT/v1/devices/w1/readings",
        "$share/g/wardlight/v1/devices/w1/readings",
        "wardlight/v1/devices/" + "w" * 300 + "/readings",
    ],
)
def test_a_topic_that_is_nearly_ours_is_none_of_ours(topic: str) -> None:
    verdict = decode(topic, b'{"measured_at": 1, "signs": {"heart_rate_bpm": 70}}', received_at_ms=1, limits=LIMITS)
    assert isinstance(verdict, Refused)
    assert verdict.reason is RejectionReason.BAD_TOPIC
    assert device_of(topic) is None or not topic.endswith("/readings")


@pytest.mark.asyncio
@pytest.mark.parametrize("bad", [each for each in BAD if each])
async def test_no_such_ward_device_or_login_is_registered(bad: str) -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", *((role, None) for role in Role)))
        for path, body in (
            ("patients", {"ward_id": bad, "bed": "1", "name": "Ada"}),
            ("devices", {"device_id": bad, "ward_id": OWN}),
            ("devices", {"device_id": "w1", "ward_id": bad}),
        ):
            answer = await scene.client.post(path, json=body, headers=headers)
            assert answer.status_code == 422, (path, answer.text)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path",
    [
        "patients/pa%2F..%2Fpb",
        "patients/..%2f..%2fpeople",
        "patients/pa/../pb",
        "patients/pa%00",
        "patients//pa",
        "patients/pa;x",
    ],
)
async def test_a_path_that_says_one_thing_to_the_gate_and_another_to_the_route_shows_nothing(path: str) -> None:
    async with people_scene() as scene:
        scene.furnish()
        nurse = await scene.session(await scene.add("kim", (Role.NURSE, OWN)))
        answer = await scene.client.get(path, headers=nurse)
        assert "Patient b" not in answer.text
        assert answer.status_code in {403, 404, 405, 422}, answer.text
