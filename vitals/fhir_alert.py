"""An alert as a FHIR R4 Flag. Pure.

Why Flag: its life is ours (active, inactive, entered-in-error), its period is onset to end, and R4's own extension for it,
flag-priority, carries the priorities of IHE PCD table B.8-4 (PL, PM, PH). DetectedIssue is about what somebody does to a patient,
Communication about a message to somebody; R6's DeviceAlert is the resource meant for this, and takes the same values.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from vitals.alert import Priority, Transition, TransitionKind
from vitals.fault import is_system
from vitals.notification import Place
from vitals.reading import Origin
from vitals.sign import SIGN_FACTS

KIND_SYSTEM: Final = "urn:wardlight:alert-kind"
EPISODE_SYSTEM: Final = "urn:wardlight:episode"
PATIENT_SYSTEM: Final = "urn:wardlight:patient"
STATE_EXTENSION: Final = "urn:wardlight:alert-state"
"""What R4 has no element for: the step told last, its reason, latched, acknowledged, limit, ward and bed."""

_PRIORITY: Final[Mapping[Priority, tuple[str, str]]] = {
    Priority.LOW: ("PL", "Low priority"),
    Priority.MEDIUM: ("PM", "Medium priority"),
    Priority.HIGH: ("PH", "High priority"),
}
_CATEGORY_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/flag-category"
_TEST: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
"""Marks what is no patient's: demo and replay."""

Resource = dict[str, Any]


def flag(step: Transition, place: Place, *, text: str) -> Resource:
    """The alert as it stands after `step`; `text` is its line as it may be read outside."""
    is_system_fault = is_system(step.patient_id)
    category = ("admin", "Administrative") if is_system_fault else ("clinical", "Clinical")
    code, display = _PRIORITY[step.priority]
    value = _value(step)
    resource: Resource = {
        "resourceType": "Flag",
        "id": step.episode_id,
        "meta": {"lastUpdated": instant(step.at_ms), **({} if step.origin is Origin.REAL else {"security": [_TEST]})},
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/flag-priority",
                "valueCodeableConcept": {
                    "coding": [{"system": "http://hl7.org/fhir/flag-priority-code", "code": code, "display": display}]
                },
            },
            _state(step, place),
        ],
        "identifier": [{"system": EPISODE_SYSTEM, "value": step.episode_id}],
        "status": _status(step),
        "category": [{"coding": [{"system": _CATEGORY_SYSTEM, "code": category[0], "display": category[1]}]}],
        "code": {"coding": [{"system": KIND_SYSTEM, "code": step.kind.value}], "text": text},
        "subject": _subject(step, place),
        "period": {"start": instant(step.onset_ms), **({} if step.is_open else {"end": instant(step.at_ms)})},
    }
    if value is not None:
        resource["contained"] = [value]
        detail = {
            "url": "http://hl7.org/fhir/StructureDefinition/flag-detail",
            "valueReference": {"reference": "#value"},
        }
        resource["extension"].append(detail)
    return resource


def instant(moment_ms: int) -> str:
    """A FHIR instant: UTC, to the millisecond."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _status(step: Transition) -> str:
    if step.transition is TransitionKind.RETRACTED:
        return "entered-in-error"
    return "active" if step.is_open else "inactive"


def _subject(step: Transition, place: Place) -> Resource:
    """By our own id: no server of ours resolves a Patient, and a name never leaves."""
    kind = "Organization" if is_system(step.patient_id) else "Patient"
    return {
        "type": kind,
        "identifier": {"system": PATIENT_SYSTEM, "value": step.patient_id},
        "display": f"{place.label}, {place.ward_name}",
    }


def _state(step: Transition, place: Place) -> Resource:
    parts: list[Resource] = [
        {"url": "transition", "valueCode": step.transition.value},
        {"url": "reason", "valueCode": step.reason.value},
        {"url": "active", "valueBoolean": step.active},
        {"url": "latched", "valueBoolean": step.latched},
        {"url": "acknowledged", "valueBoolean": step.acknowledged},
        {"url": "ward", "valueString": place.ward_name},
        {"url": "bed", "valueString": place.label},
        {"url": "origin", "valueCode": step.origin.value},
    ]
    if step.suppression is not None:
        parts.append({"url": "suppressed", "valueCode": step.suppression.reason.value})
    if step.limit is not None:
        parts.append({"url": "limit", "valueDecimal": step.limit})
    return {"url": STATE_EXTENSION, "extension": parts}


def _value(step: Transition) -> Resource | None:
    """What was measured, as an Observation inside the Flag; none where there is no value or no code for it."""
    if step.sign is None or step.value is None:
        return None
    facts = SIGN_FACTS[step.sign]
    if facts.loinc is None:
        return None
    return {
        "resourceType": "Observation",
        "id": "value",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": facts.loinc}], "text": facts.label},
        "subject": {"type": "Patient", "identifier": {"system": PATIENT_SYSTEM, "value": step.patient_id}},
        "effectiveDateTime": instant(step.at_ms),
        "valueQuantity": {
            "value": step.value,
            "unit": facts.ucum,
            "system": "http://unitsofmeasure.org",
            "code": facts.ucum,
        },
    }
