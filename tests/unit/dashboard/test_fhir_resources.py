"""A FHIR Subscription is read strictly: what is not understood is refused, and the element named."""

from typing import Any

import pytest

from dashboard.fhir_resources import asked_of
from vitals.alert import AlertKind, Priority
from vitals.errors import InvalidArgument
from vitals.fhir_subscription import BACKPORT, TOPIC, Content
from vitals.reading import PatientId, WardId

CONTENT = BACKPORT + "backport-payload-content"
FILTER = BACKPORT + "backport-filter-criteria"


def subscription(**changed: Any) -> dict[str, Any]:
    channel = {
        "type": "rest-hook",
        "endpoint": "https://ehr.example/notify",
        "header": ["Authorization: Bearer of-the-hospital"],
        "payload": "application/fhir+json",
        "_payload": {"extension": [{"url": CONTENT, "valueCode": "id-only"}]},
    }
    plain = {"resourceType": "Subscription", "status": "requested", "reason": "For the EHR", "criteria": TOPIC}
    return {**plain, "channel": {**channel, **changed.pop("channel", {})}, **changed}


def test_a_subscription_says_where_how_much_and_of_what() -> None:
    filters = [
        {"url": FILTER, "valueString": "Flag?ward=north,south&priority=high"},
        {"url": FILTER, "valueString": "Flag?patient=Patient/p-7&code=urn:wardlight:alert-kind|spo2-low"},
    ]
    asked = asked_of(subscription(_criteria={"extension": filters}))
    assert (asked.endpoint, asked.content) == ("https://ehr.example/notify", Content.ID_ONLY)
    assert asked.headers == {"Authorization": "Bearer of-the-hospital"}
    assert asked.wanted.wards == (WardId("north"), WardId("south"))
    assert asked.wanted.priorities == (Priority.HIGH,)
    assert asked.wanted.patients == (PatientId("p-7"),)
    assert asked.wanted.kinds == (AlertKind.SPO2_LOW,)


def test_without_a_content_level_nothing_of_the_patient_is_told() -> None:
    assert asked_of(subscription(channel={"_payload": {}})).content is Content.EMPTY


@pytest.mark.parametrize(
    "changed",
    [
        {"criteria": "Observation?code=8867-4"},
        {"resourceType": "Patient"},
        {"reason": ""},
        {"end": "tomorrow"},
        {"end": "2099-01-31T12:00:00"},
        {"channel": {"type": "email"}},
        {"channel": {"payload": "text/plain"}},
        {"channel": {"endpoint": None}},
        {"channel": {"endpoint": "ehr"}},
        {"channel": {"endpoint": "https://me:secret@ehr.example/"}},
        {"channel": {"header": ["Host: evil"]}},
        {"channel": {"header": ["X-A: b\r\nX-C: d"]}},
        {"channel": {"header": ["no colon"]}},
        {"channel": {"header": "Authorization: x"}},
        {"channel": {"_payload": {"extension": [{"url": CONTENT, "valueCode": "everything"}]}}},
        {"channel": {"extension": [{"url": BACKPORT + "backport-heartbeat-period", "valueUnsignedInt": 1}]}},
        {"_criteria": {"extension": [{"url": BACKPORT + "backport-filter-criteria", "valueString": "Flag?name=x"}]}},
        {"_criteria": {"extension": [{"url": BACKPORT + "backport-filter-criteria", "valueString": "Flag?code=x"}]}},
        {"_criteria": []},
    ],
)
def test_what_is_not_understood_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        asked_of(subscription(**changed))
