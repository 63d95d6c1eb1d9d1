"""Charting: what people may observe, what makes an entry valid, and the reading that it becomes. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import date

import msgspec

from vitals.age import age_band
from vitals.errors import InvalidArgument
from vitals.reading import CHARTING, Charted, PatientId, Reading
from vitals.sign import CONSCIOUSNESS_LETTERS, SIGN_FACTS, Sign, is_possible, possible_high_of
from vitals.validity import CHARTED_MS_MAX, CHARTED_MS_MIN

CHARTABLE: tuple[Sign, ...] = (
    Sign.CONSCIOUSNESS,
    Sign.SUPPLEMENTAL_OXYGEN,
    Sign.OXYGEN_FLOW,
    Sign.RESPIRATORY_RATE,
    Sign.SPO2,
    Sign.HEART_RATE,
    Sign.SYSTOLIC,
    Sign.DIASTOLIC,
    Sign.TEMPERATURE,
    Sign.PAIN,
    Sign.CAPILLARY_REFILL,
    Sign.RESPIRATORY_EFFORT,
)
"""What people chart, in the order of the form."""
_WHOLE = frozenset({Sign.CONSCIOUSNESS, Sign.SUPPLEMENTAL_OXYGEN, Sign.PAIN, Sign.RESPIRATORY_EFFORT})
"""Codes and scores: no value lies between two."""
_YES_NO: Mapping[str, float] = {
    "yes": 1.0, "on": 1.0, "true": 1.0, "no": 0.0, "off": 0.0, "false": 0.0, "air": 0.0,
}  # fmt: skip
_EXPECTED = {
    Sign.CONSCIOUSNESS: f"{', '.join(CONSCIOUSNESS_LETTERS[:-1])} or {CONSCIOUSNESS_LETTERS[-1]}",
    Sign.SUPPLEMENTAL_OXYGEN: "yes or no",
}
"""What people write of these signs; of all others, a number."""

_DIGEST_BYTES = 16

NOTE_CHARACTERS_MAX = 2000
NAME_CHARACTERS_MAX = 100
REASON_CHARACTERS_MAX = 500
KEY_CHARACTERS_MAX = 100
CLOCK_AHEAD_MS_MAX = 60_000
"""How far the clock of whoever charts may run ahead of ours; an observation of that little ahead was made just now."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says: at least one of signs, note and scale."""

    signs: Mapping[Sign, float] = {}
    observed_at_ms: int | None = None
    """None: just now."""
    note: str | None = None
    valid_for_s: int | None = None
    """None: each sign's usual time."""
    spo2_scale: int | None = None
    spo2_scale_by: str | None = None
    """Who prescribed the scale; needed for scale 2."""


def chart(
    observed: Observed,
    *,
    patient_id: PatientId,
    person_id: str,
    by: str,
    now_ms: int,
    age_ms_max: int,
    key: str | None = None,
    born: date | None = None,
) -> Reading:
    """The reading that this observation becomes; its id is the same for the same `key` of the same person, or content.

    Raises InvalidArgument, in one sentence that says what to do, where the entry is not valid.
    """
    note = None if observed.note is None or not observed.note.strip() else observed.note.strip()
    if not observed.signs and note is None and observed.spo2_scale is None:
        raise InvalidArgument("The entry is empty: chart at least one sign, a note or an SpO2 scale.")
    if note is not None and len(note) > NOTE_CHARACTERS_MAX:
        raise InvalidArgument(f"The note has {len(note)} characters; {NOTE_CHARACTERS_MAX} are let pass.")
    observed_ms = _observed_ms(observed.observed_at_ms, now_ms, age_ms_max)
    band = age_band(born, observed_ms)
    signs = _completed(observed.signs, of_child=band is not None)
    _check_validity(observed.valid_for_s)
    scale_by = _scale_by(observed)
    if key is not None and not 1 <= len(key) <= KEY_CHARACTERS_MAX:
        raise InvalidArgument(f"The idempotency key has 1 to {KEY_CHARACTERS_MAX} characters.")
    said = Charted(person_id, by, observed.valid_for_s, note, observed.spo2_scale, scale_by)
    return Reading(
        reading_id=_reading_id(patient_id, said, observed_ms, signs, key),
        patient_id=patient_id,
        device_id=CHARTING,
        measured_at_ms=observed_ms,
        received_at_ms=now_ms,
        signs=signs,
        charted=said,
        age_band=band,
    )


def says_the_same(one: Reading, other: Reading) -> bool:
    """Whether two entries of one id say the same, whenever each was sent: the one is the other's repetition."""
    return (one.patient_id, one.signs, one.charted) == (other.patient_id, other.signs, other.charted)


def value_of(sign: Sign, value: float | str) -> float:
    """A value as people write it: consciousness also as a letter of ACVPU, oxygen also as true, yes, on or air.

    Raises InvalidArgument.

    >>> value_of(Sign.CONSCIOUSNESS, "V"), value_of(Sign.SUPPLEMENTAL_OXYGEN, True)
    (2.0, 1.0)
    """
    if isinstance(value, bool):
        if sign is Sign.SUPPLEMENTAL_OXYGEN:
            return float(value)
    elif not isinstance(value, str):
        return float(value)
    elif sign is Sign.CONSCIOUSNESS and value.upper() in tuple(CONSCIOUSNESS_LETTERS):
        return float(CONSCIOUSNESS_LETTERS.index(value.upper()))
    elif sign is Sign.SUPPLEMENTAL_OXYGEN and value.lower() in _YES_NO:
        return _YES_NO[value.lower()]
    expected = _EXPECTED.get(sign, "a number")
    raise InvalidArgument(f"{value!r} is not a value of {SIGN_FACTS[sign].label.lower()}: give {expected}.")


def _reading_id(
    patient_id: PatientId, said: Charted, observed_ms: int, signs: Mapping[Sign, float], key: str | None
) -> str:
    content = (said, observed_ms, sorted(signs.items())) if key is None else key
    body = msgspec.json.encode((patient_id, said.person_id, content))
    return f"{CHARTING}/{hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}"


def _completed(given: Mapping[Sign, float], *, of_child: bool) -> dict[Sign, float]:
    """The signs, and what they imply: a flow says whether there is oxygen, and air is a flow of 0."""
    for sign, value in given.items():
        _check_value(sign, value, of_child=of_child)
    signs = dict(given)
    flow, oxygen = signs.get(Sign.OXYGEN_FLOW), signs.get(Sign.SUPPLEMENTAL_OXYGEN)
    if flow is not None:
        if oxygen is not None and (flow > 0) != (oxygen > 0):
            raise InvalidArgument("Oxygen and flow contradict each other: air is a flow of 0, oxygen a flow above 0.")
        signs[Sign.SUPPLEMENTAL_OXYGEN] = float(flow > 0)
    elif oxygen == 0:
        signs[Sign.OXYGEN_FLOW] = 0.0
    systolic, diastolic = signs.get(Sign.SYSTOLIC), signs.get(Sign.DIASTOLIC)
    if systolic is not None and diastolic is not None and diastolic >= systolic:
        raise InvalidArgument(f"Diastolic pressure {diastolic:g} is not below systolic {systolic:g}: check both.")
    return signs


def _check_value(sign: Sign, value: float, *, of_child: bool) -> None:
    facts = SIGN_FACTS[sign]
    if sign not in CHARTABLE:
        names = ", ".join(chartable.value for chartable in CHARTABLE)
        raise InvalidArgument(f"{facts.label} is not charted by people; these are: {names}.")
    if not is_possible(sign, value, of_child=of_child):
        high = possible_high_of(sign, of_child=of_child)
        raise InvalidArgument(
            f"{facts.label} {value:g} is not possible: it lies between {facts.possible_low:g} and {high:g}."
        )
    if sign in _WHOLE and value != int(value):
        raise InvalidArgument(f"{facts.label} {value:g} is not possible: it is a whole number.")


def _observed_ms(observed_ms: int | None, now_ms: int, age_ms_max: int) -> int:
    if observed_ms is None:
        return now_ms
    if observed_ms > now_ms + CLOCK_AHEAD_MS_MAX:
        raise InvalidArgument("The observation lies in the future: chart what was seen, when it was seen.")
    if now_ms - observed_ms > age_ms_max:
        raise InvalidArgument(
            f"The observation is {(now_ms - observed_ms) / 3_600_000:.1f} h old; {age_ms_max / 3_600_000:g} h are let pass."
        )
    return min(observed_ms, now_ms)


def _check_validity(valid_for_s: int | None) -> None:
    if valid_for_s is not None and not CHARTED_MS_MIN <= valid_for_s * 1000 <= CHARTED_MS_MAX:
        raise InvalidArgument(
            f"An entry may stand for {CHARTED_MS_MIN // 60_000} min to {CHARTED_MS_MAX // 3_600_000} h, "
            f"not for {valid_for_s} s."
        )


def _scale_by(observed: Observed) -> str | None:
    if observed.spo2_scale is None:
        if observed.spo2_scale_by is not None:
            raise InvalidArgument("There is a prescriber, and no SpO2 scale: give both.")
        return None
    if observed.spo2_scale not in (1, 2):
        raise InvalidArgument(f"The SpO2 scale is 1 or 2, not {observed.spo2_scale}.")
    name = (observed.spo2_scale_by or "").strip()
    if observed.spo2_scale == 2 and not any(map(str.isalpha, name)):
        raise InvalidArgument("Scale 2 needs the name of the clinician who prescribed a target of 88 to 92 %.")
    if len(name) > NAME_CHARACTERS_MAX:
        raise InvalidArgument(f"The prescriber's name has {len(name)} characters; {NAME_CHARACTERS_MAX} are let pass.")
    return name or None
