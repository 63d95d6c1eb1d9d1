"""History as FHIR R4: a Bundle of vital-signs Observations (hl7.org/fhir/R4/vitalsigns).

Only signs with a LOINC code become Observations; what a person charted names them as performer. Blood pressure is one panel with its components, and pulse oximetry
carries both codes that US Core demands.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vitals.sign import SIGN_FACTS, Sign
from wardlight.arguments import moment_text

_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_MDC = "urn:iso:std:iso:11073:10101"
_CATEGORY = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]
}
_SURVEY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}
"""Pain is what the patient says, not what is measured."""
_PRESSURE_PANEL = "85354-9"
_OXYGEN_SATURATION = "2708-6"
_PRESSURES = (Sign.SYSTOLIC, Sign.DIASTOLIC, Sign.MEAN_PRESSURE)
_CODED_BY_PEOPLE = (Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN)
"""Not quantities; FHIR wants coded values whose codes are not settled here, so they are left out."""


def bundle(patient_id: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A collection Bundle of all Observations in `rows`; ids are deterministic, so that a second export is the same."""
    entries = [{"resource": observation} for row in rows for observation in _observations(patient_id, row)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _observations(patient_id: str, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    signs = {Sign(name): value for name, value in row["signs"].items()}
    pressures = {sign: signs[sign] for sign in _PRESSURES if sign in signs}
    if pressures:
        panel = _head(patient_id, row, {"coding": [_coding(_LOINC, _PRESSURE_PANEL)], "text": "Blood pressure"})
        panel["component"] = [
            {"code": _code(sign), "valueQuantity": _quantity(sign, value)} for sign, value in pressures.items()
        ]
        yield panel
    for sign, value in signs.items():
        if sign in _PRESSURES or sign in _CODED_BY_PEOPLE or SIGN_FACTS[sign].loinc is None:
            continue
        yield {**_head(patient_id, row, _code(sign)), "valueQuantity": _quantity(sign, value)}


def _head(patient_id: str, row: Mapping[str, Any], code: Mapping[str, Any]) -> dict[str, Any]:
    identity = f"{patient_id}|{row['measured_at_ms']}|{code['coding'][0]['code']}|{row.get('reading_id', '')}"
    charted = row.get("charted")
    performer = {} if charted is None else {"performer": [{"display": charted["by"]}]}
    return {
        "resourceType": "Observation",
        "id": hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(),
        "status": "final",
        "category": [_SURVEY if code["coding"][0]["code"] == SIGN_FACTS[Sign.PAIN].loinc else _CATEGORY],
        "code": dict(code),
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": moment_text(row["measured_at_ms"]),
        **performer,
    }


def _code(sign: Sign) -> dict[str, Any]:
    facts = SIGN_FACTS[sign]
    codings = [_coding(_LOINC, str(facts.loinc))]
    if sign is Sign.SPO2:
        codings.append(_coding(_LOINC, _OXYGEN_SATURATION))
    if facts.mdc is not None:
        codings.append(_coding(_MDC, str(facts.mdc)))
    return {"coding": codings, "text": facts.label}


def _coding(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code}


def _quantity(sign: Sign, value: float) -> dict[str, Any]:
    ucum = SIGN_FACTS[sign].ucum
    return {"value": value, "unit": ucum, "system": _UCUM, "code": ucum}
