"""Notification Bundles have the shape that the backport's R4 profiles ask for.

Checked by hand against HL7 fhir-subscription-backport-ig (profiles backport-subscription-notification-r4 and
backport-subscription-status-r4) and R4's Bundle and Flag: no validator of FHIR is installed here.
"""

import re
from typing import Any

import pytest

from tests.support.channel_scene import PLACES, step
from tests.support.fhir_shapes import check_flag, check_notification_bundle, parameters_of, parts_of
from vitals.alert import Priority, Reason, Suppression, TransitionKind
from vitals.fault import subject_of
from vitals.fhir_alert import flag
from vitals.fhir_subscription import Content, FhirEvent, FhirStatus, fhir_id, notification_bundle, status_bundle
from vitals.notification import NotificationKind, Place, SubscriptionState
from vitals.reading import Origin

BASE = "https://ward.example/api/v1/fhir"
PLACE = next(iter(PLACES.values()))


def bundle(
    content: Content, *, kind: NotificationKind = NotificationKind.EVENT, hidden: bool = False
) -> dict[str, Any]:
    events = [FhirEvent(7, step(), PLACE, "SpO2 84 %", hidden)] if kind is NotificationKind.EVENT else []
    status = FhirStatus("s-1", SubscriptionState.ACTIVE, kind, 7)
    return notification_bundle(status, events, content=content, base=BASE, identity="n-1", at_ms=1_790_000_000_000)


@pytest.mark.parametrize("content", Content)
@pytest.mark.parametrize("kind", NotificationKind)
def test_every_notification_has_the_published_shape(content: Content, kind: NotificationKind) -> None:
    check_notification_bundle(bundle(content, kind=kind))


def test_empty_tells_that_something_happened_and_nothing_of_it() -> None:
    told = bundle(Content.EMPTY)
    assert len(told["entry"]) == 1
    (event,) = parameters_of(told, "notification-event")
    assert set(parts_of(event)) == {"event-number", "timestamp"}
    assert parameters_of(told, "topic") == []
    assert "e-1" not in str(told)


def test_id_only_leads_to_the_flag_and_full_resource_holds_it() -> None:
    (event,) = parameters_of(bundle(Content.ID_ONLY), "notification-event")
    assert parts_of(event)["focus"]["valueReference"]["reference"] == f"{BASE}/Flag/e-1"
    assert len(bundle(Content.ID_ONLY)["entry"]) == 1
    _, entry = bundle(Content.FULL_RESOURCE)["entry"]
    assert entry["fullUrl"] == f"{BASE}/Flag/e-1"
    check_flag(entry["resource"])


def test_heartbeats_and_handshakes_tell_how_many_events_there_were_and_count_as_none() -> None:
    for kind, word in ((NotificationKind.HEARTBEAT, "heartbeat"), (NotificationKind.HANDSHAKE, "handshake")):
        told = bundle(Content.FULL_RESOURCE, kind=kind)
        assert parameters_of(told, "type")[0]["valueCode"] == word
        assert parameters_of(told, "events-since-subscription-start")[0]["valueString"] == "7"
        assert parameters_of(told, "notification-event") == []


def test_an_event_of_a_ward_that_its_owner_left_keeps_its_number_and_loses_its_content() -> None:
    told = bundle(Content.FULL_RESOURCE, hidden=True)
    (event,) = parameters_of(told, "notification-event")
    assert set(parts_of(event)) == {"event-number", "timestamp"}
    assert len(told["entry"]) == 1


def test_a_repeated_notification_is_the_same_bundle() -> None:
    assert bundle(Content.FULL_RESOURCE) == bundle(Content.FULL_RESOURCE)


def test_status_is_a_searchset_of_statuses_and_says_the_error() -> None:
    told = status_bundle([FhirStatus("s-1", SubscriptionState.ERROR, NotificationKind.STATUS, 9, "gone")], base=BASE)
    assert (told["type"], told["total"]) == ("searchset", 1)
    assert parameters_of(told, "status")[0]["valueCode"] == "error"
    assert parameters_of(told, "error")[0]["valueCodeableConcept"]["text"] == "gone"
    assert parameters_of(told, "events-since-subscription-start")[0]["valueString"] == "9"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, "active"),
        ({"active": False, "latched": True, "transition": TransitionKind.LATCHED}, "active"),
        ({"active": False, "transition": TransitionKind.RESOLVED}, "inactive"),
        ({"active": False, "transition": TransitionKind.RETRACTED}, "entered-in-error"),
    ],
)
def test_a_flags_status_and_period_are_the_alerts(changed: dict[str, Any], status: str) -> None:
    made = flag(step(**changed), PLACE, text="x")
    check_flag(made)
    assert made["status"] == status
    assert ("end" in made["period"]) is (status != "active")


@pytest.mark.parametrize(("priority", "code"), [(Priority.HIGH, "PH"), (Priority.MEDIUM, "PM"), (Priority.LOW, "PL")])
def test_a_flags_priority_is_a_code_of_ihes_table(priority: Priority, code: str) -> None:
    extension = flag(step(priority=priority), PLACE, text="x")["extension"][0]
    assert extension["url"] == "http://hl7.org/fhir/StructureDefinition/flag-priority"
    assert extension["valueCodeableConcept"]["coding"][0]["code"] == code


def test_a_flag_holds_what_was_measured_and_marks_what_is_no_patients() -> None:
    made = flag(step(origin=Origin.DEMO), PLACE, text="x")
    check_flag(made)
    assert made["contained"][0]["valueQuantity"]["value"] == 84.0
    assert made["meta"]["security"][0]["code"] == "HTEST"
    quiet = flag(
        step(sign=None, value=None, suppression=Suppression(Reason.SILENCED, 1, by="Kim Lee")), PLACE, text="x"
    )
    check_flag(quiet)
    assert "contained" not in quiet
    assert "Kim" not in str(quiet)


def test_a_fault_of_wardlight_is_no_patients_flag() -> None:
    made = flag(step(patient_id=subject_of("recorder"), sign=None), Place("Wardlight", "recorder"), text="x")
    check_flag(made)
    assert (made["subject"]["type"], made["category"][0]["coding"][0]["code"]) == ("Organization", "admin")


@pytest.mark.parametrize("identity", ["a1", "x" * 65, "a b", "", "ä", "n/1"])
def test_ids_are_what_fhir_allows(identity: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", fhir_id(identity))
    assert fhir_id(identity) == fhir_id(identity)
