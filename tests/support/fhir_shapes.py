"""The shape of FHIR R4 resources as the backport's profiles publish it, checked by hand: no validator is installed here."""

import re
from typing import Any

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
STATES = {"requested", "active", "error", "off"}
TYPES = {"handshake", "heartbeat", "event-notification", "query-status"}
STATUS_PARAMETERS = {
    "subscription": "valueReference",
    "topic": "valueCanonical",
    "status": "valueCode",
    "type": "valueCode",
    "events-since-subscription-start": "valueString",
    "notification-event": "part",
    "error": "valueCodeableConcept",
}
EVENT_PARTS = {"event-number": "valueString", "timestamp": "valueInstant", "focus": "valueReference"}


def check_notification_bundle(bundle: dict[str, Any]) -> None:
    """R4 Bundle of type history whose first entry is the status (bdl-3, bdl-4, backport-notification-bundle-r4-1)."""
    assert bundle["resourceType"] == "Bundle"
    assert bundle["type"] == "history"
    assert ID.fullmatch(bundle["id"])
    assert INSTANT.fullmatch(bundle["timestamp"])
    assert "total" not in bundle or bundle["type"] in {"searchset", "history"}
    first, *others = bundle["entry"]
    check_status(first["resource"])
    assert first["fullUrl"] == f"urn:uuid:{first['resource']['id']}"
    assert first["request"]["method"] == "GET"
    assert first["request"]["url"].endswith("/$status")
    for entry in (first, *others):
        assert set(entry["request"]) == {"method", "url"}
        assert re.fullmatch(r"\d{3}( .*)?", entry["response"]["status"])
        assert entry["fullUrl"].startswith(("http", "urn:uuid:"))
    for entry in others:
        check_flag(entry["resource"])
        assert entry["fullUrl"].endswith(f"Flag/{entry['resource']['id']}")


def check_status(resource: dict[str, Any]) -> None:
    """backport-subscription-status-r4: names, types and how often each."""
    assert resource["resourceType"] == "Parameters"
    assert ID.fullmatch(resource["id"])
    names = [one["name"] for one in resource["parameter"]]
    assert set(names) <= STATUS_PARAMETERS.keys()
    for name in ("subscription", "status", "type"):
        assert names.count(name) == 1
    for name in ("topic", "events-since-subscription-start"):
        assert names.count(name) <= 1
    for one in resource["parameter"]:
        assert set(one) == {"name", STATUS_PARAMETERS[one["name"]]}
        if one["name"] == "notification-event":
            _check_event(one)
    by_name = {one["name"]: one for one in resource["parameter"]}
    assert by_name["status"]["valueCode"] in STATES
    assert by_name["type"]["valueCode"] in TYPES


def _check_event(event: dict[str, Any]) -> None:
    names = [part["name"] for part in event["part"]]
    assert names.count("event-number") == 1
    assert len(set(names)) == len(names)
    for part in event["part"]:
        assert set(part) == {"name", EVENT_PARTS[part["name"]]}
    assert parts_of(event)["event-number"]["valueString"].isdigit()
    assert INSTANT.fullmatch(parts_of(event)["timestamp"]["valueInstant"])


def check_flag(resource: dict[str, Any]) -> None:
    """R4 Flag: what must be there, and nothing that R4 does not know."""
    assert resource["resourceType"] == "Flag"
    assert set(resource) <= {
        "resourceType", "id", "meta", "contained", "extension", "identifier", "status", "category", "code", "subject",
        "period",
    }  # fmt: skip
    assert ID.fullmatch(resource["id"])
    assert resource["status"] in {"active", "inactive", "entered-in-error"}
    assert resource["code"]["coding"][0]["code"]
    assert resource["subject"]["identifier"]["value"]
    for extension in resource["extension"]:
        assert extension["url"]
        assert ("extension" in extension) != any(name.startswith("value") for name in extension)
    for contained in resource.get("contained", []):
        assert f"#{contained['id']}" in str(resource["extension"]), "what is contained is referred to"
        assert contained["resourceType"] == "Observation"
        assert {"status", "code"} <= set(contained)
    for moment in resource["period"].values():
        assert INSTANT.fullmatch(moment)


def parameters_of(bundle: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Those of the status with this name."""
    return [one for one in bundle["entry"][0]["resource"]["parameter"] if one["name"] == name]


def parts_of(event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of a notification-event, by name."""
    return {part["name"]: part for part in event["part"]}
