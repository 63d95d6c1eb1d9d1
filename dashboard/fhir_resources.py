"""FHIR resources of subscriptions, read and written: R4 Subscription after the topic-based backport, the topic, capabilities. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from vitals.alert import AlertKind, Priority
from vitals.destination_address import check_address
from vitals.errors import InvalidArgument
from vitals.fhir_alert import Resource, instant
from vitals.fhir_headers import header_lines
from vitals.fhir_subscription import BACKPORT, MEDIA_TYPE, TOPIC, Content
from vitals.notification import Channel, Subscription, SubscriptionState, Wanted
from vitals.reading import PatientId, WardId

HEARTBEAT_S_MIN: Final = 10
HEARTBEAT_S_MAX: Final = 86_400
_CONTENT: Final = BACKPORT + "backport-payload-content"
_FILTER: Final = BACKPORT + "backport-filter-criteria"
_HEARTBEAT: Final = BACKPORT + "backport-heartbeat-period"
_EXTENSION: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."
_FILTERS: Final = ("patient", "ward", "code", "priority")
_MIME: Final = (MEDIA_TYPE, "application/json")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a Subscription asks for."""

    name: str
    endpoint: str
    content: Content
    headers: Mapping[str, str]
    wanted: Wanted
    heartbeat_s: int | None
    expires_at_ms: int | None
    status: str


def asked_of(resource: Mapping[str, Any]) -> Asked:
    """Read a Subscription; raises InvalidArgument that names the element at fault."""
    if resource.get("resourceType") != "Subscription":
        raise InvalidArgument("resourceType must be Subscription.")
    if resource.get("criteria") != TOPIC:
        raise InvalidArgument(f"criteria must be the canonical of the topic, {TOPIC}.")
    channel = _object(resource, "channel")
    if channel.get("type") != "rest-hook":
        raise InvalidArgument("channel.type must be rest-hook.")
    if channel.get("payload") not in _MIME:
        raise InvalidArgument(f"channel.payload must be {MEDIA_TYPE}.")
    try:
        headers = header_lines([_text(line, "channel.header") for line in _list(channel, "header")])
    except ValueError as error:
        raise InvalidArgument(f"channel.header: {error}") from error
    endpoint = _text(channel.get("endpoint"), "channel.endpoint")
    check_address(Channel.FHIR, endpoint)
    return Asked(
        name=_text(resource.get("reason"), "reason")[:100],
        endpoint=endpoint,
        content=_content(_object(channel, "_payload")),
        headers=headers,
        wanted=_wanted(_extensions(_object(resource, "_criteria"), _FILTER)),
        heartbeat_s=_heartbeat_s(channel),
        expires_at_ms=None if resource.get("end") is None else _moment_ms(_text(resource["end"], "end")),
        status=_text(resource.get("status", "requested"), "status"),
    )


def subscription_resource(held: Subscription, *, endpoint: str, content: str) -> Resource:
    """A subscription as it stands; headers, which hold secrets, are never shown."""
    channel: Resource = {
        "type": "rest-hook",
        "endpoint": endpoint,
        "payload": MEDIA_TYPE,
        "_payload": {"extension": [{"url": _CONTENT, "valueCode": content}]},
    }
    if held.heartbeat_s is not None:
        channel["extension"] = [{"url": _HEARTBEAT, "valueUnsignedInt": held.heartbeat_s}]
    resource: Resource = {
        "resourceType": "Subscription",
        "id": held.subscription_id,
        "meta": {"profile": [BACKPORT + "backport-subscription"], "lastUpdated": instant(held.state_at_ms)},
        "status": held.state.value,
        "reason": held.name,
        "criteria": TOPIC,
        "channel": channel,
    }
    filters = _filter_text(held.wanted)
    if filters is not None:
        resource["_criteria"] = {"extension": [{"url": _FILTER, "valueString": filters}]}
    if held.expires_at_ms is not None:
        resource["end"] = instant(held.expires_at_ms)
    if held.state is SubscriptionState.ERROR:
        resource["error"] = held.state_reason
    return resource


def topic_resource() -> Resource:
    """The topic, as R4 has it: a Basic resource with the elements of R5's SubscriptionTopic as extensions."""
    described = (
        "Triggered by each step of an alert that is told outside: raised, worse, again, acknowledged, over, withdrawn."
    )
    trigger = [
        {"url": "description", "valueMarkdown": described},
        {"url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/Flag"},
        {"url": "supportedInteraction", "valueCode": "create"},
        {"url": "supportedInteraction", "valueCode": "update"},
    ]
    filters = [
        {
            "url": _EXTENSION + "canFilterBy",
            "extension": [{"url": "resource", "valueUri": "Flag"}, {"url": "filterParameter", "valueString": name}],
        }
        for name in _FILTERS
    ]
    return {
        "resourceType": "Basic",
        "id": "alert",
        "extension": [
            {"url": _EXTENSION + "url", "valueUri": TOPIC},
            {"url": _EXTENSION + "title", "valueString": "Alerts of Wardlight"},
            {"url": _EXTENSION + "resourceTrigger", "extension": trigger},
            *filters,
            {
                "url": _EXTENSION + "notificationShape",
                "extension": [{"url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/Flag"}],
            },
        ],
        "modifierExtension": [{"url": _EXTENSION + "status", "valueCode": "active"}],
        "code": {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]},
    }


def capabilities(*, version: str, base: str, at_ms: int) -> Resource:
    """What this server can do; it names the topic as the backport asks."""
    topic = {
        "url": BACKPORT + "capabilitystatement-subscriptiontopic-canonical",
        "valueCanonical": TOPIC,
    }
    operations = [
        {"name": name, "definition": BACKPORT.replace("StructureDefinition", "OperationDefinition") + definition}
        for name, definition in (("status", "backport-subscription-status"), ("events", "backport-subscription-events"))
    ]
    subscription = {
        "type": "Subscription",
        "extension": [topic],
        "supportedProfile": [BACKPORT + "backport-subscription"],
        "interaction": [{"code": code} for code in ("read", "create", "update", "delete", "search-type")],
        "searchParam": [{"name": "url", "type": "uri"}, {"name": "status", "type": "token"}],
        "operation": operations,
    }
    read = [{"type": name, "interaction": [{"code": "read"}]} for name in ("Flag", "Basic")]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(at_ms),
        "kind": "instance",
        "software": {"name": "Wardlight", "version": version},
        "implementation": {"description": "Alerts of a ward; not for sole reliance.", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": [subscription, *read]}],
    }


def searchset(resources: Sequence[Resource], *, base: str) -> Resource:
    """Resources that were searched for."""
    entries = [
        {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def outcome(code: str, sentence: str) -> Resource:
    """An error, in FHIR's words."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": sentence}],
    }


def _wanted(filters: Sequence[Mapping[str, Any]]) -> Wanted:
    found: dict[str, tuple[str, ...]] = {}
    for one in filters:
        _, _, query = _text(one.get("valueString"), "filter criteria").rpartition("?")
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name not in _FILTERS or name in found or not value:
                raise InvalidArgument(
                    f"A filter is one of {', '.join(_FILTERS)}, each once: Flag?ward=north&priority=high."
                )
            found[name] = tuple(part.rpartition("/")[2].rpartition("|")[2] for part in value.split(","))
    try:
        return Wanted(
            wards=tuple(map(WardId, found["ward"])) if "ward" in found else None,
            patients=tuple(map(PatientId, found["patient"])) if "patient" in found else None,
            kinds=tuple(map(AlertKind, found["code"])) if "code" in found else None,
            priorities=tuple(map(Priority, found["priority"])) if "priority" in found else None,
        )
    except ValueError as error:
        raise InvalidArgument(f"Filter criteria: {error}.") from error


def _filter_text(wanted: Wanted) -> str | None:
    parts = [
        f"{name}={','.join(values)}"
        for name, values in (
            ("patient", wanted.patients),
            ("ward", wanted.wards),
            ("code", wanted.kinds),
            ("priority", wanted.priorities),
        )
        if values is not None
    ]
    return "Flag?" + "&".join(parts) if parts else None


def _content(payload: Mapping[str, Any]) -> Content:
    found = _extensions(payload, _CONTENT)
    try:
        return Content(str(found[0].get("valueCode"))) if found else Content.EMPTY
    except ValueError as error:
        raise InvalidArgument(f"The payload content is one of {', '.join(Content)}.") from error


def _heartbeat_s(channel: Mapping[str, Any]) -> int | None:
    found = _extensions(channel, _HEARTBEAT)
    if not found:
        return None
    period_s = found[0].get("valueUnsignedInt")
    if isinstance(period_s, int) and not isinstance(period_s, bool) and HEARTBEAT_S_MIN <= period_s <= HEARTBEAT_S_MAX:
        return period_s
    raise InvalidArgument(f"A heartbeat period is {HEARTBEAT_S_MIN} to {HEARTBEAT_S_MAX} seconds.")


def _extensions(element: Mapping[str, Any], url: str) -> list[Mapping[str, Any]]:
    return [one for one in _list(element, "extension") if isinstance(one, Mapping) and one.get("url") == url]


def _object(element: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = element.get(name, {})
    if not isinstance(found, Mapping):
        raise InvalidArgument(f"{name} must be an object.")
    return found


def _list(element: Mapping[str, Any], name: str) -> list[Any]:
    found = element.get(name, [])
    if not isinstance(found, list):
        raise InvalidArgument(f"{name} must be a list.")
    return found


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{name} must be text.")
    return value


def _moment_ms(text: str) -> int:
    refused = InvalidArgument("end must be an instant with its time zone, such as 2027-01-31T12:00:00Z.")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused from error
    if moment.tzinfo is None:
        raise refused
    return round(moment.timestamp() * 1000)
