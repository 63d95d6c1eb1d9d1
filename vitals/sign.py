"""The vital signs Wardlight knows, each with its unit, codes and possible range.

Codes: LOINC and IEEE 11073-10101 (32-bit: partition << 16 | term), units in UCUM. Ranges are the *live gate*: what a
living patient's working sensor can report. A value outside is rejected to a quality stream and counted, never clamped,
since a rejected extreme may be a real crisis.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Sign(StrEnum):
    """One measured quantity; the value is its name on the wire and in SQL, unit last."""

    HEART_RATE = "heart_rate_bpm"
    RESPIRATORY_RATE = "respiratory_rate_bpm"
    SPO2 = "spo2_percent"
    TEMPERATURE = "temperature_celsius"
    SYSTOLIC = "systolic_mmhg"
    DIASTOLIC = "diastolic_mmhg"
    MEAN_PRESSURE = "mean_pressure_mmhg"
    CONSCIOUSNESS = "consciousness_acvpu"
    SUPPLEMENTAL_OXYGEN = "supplemental_oxygen"
    SKIN_TEMPERATURE = "skin_temperature_celsius"
    HRV_SDNN = "hrv_sdnn_ms"
    STEPS = "steps_count"
    GLUCOSE = "glucose_mmol_per_l"
    BATTERY = "battery_percent"
    SIGNAL_QUALITY = "signal_quality_percent"
    OXYGEN_FLOW = "oxygen_flow_l_per_min"
    PAIN = "pain_score"
    CAPILLARY_REFILL = "capillary_refill_s"
    RESPIRATORY_EFFORT = "respiratory_effort_score"


class SignFacts(NamedTuple):
    """What is known of one sign whoever the patient is."""

    label: str
    ucum: str
    loinc: str | None
    """LOINC code; None where LOINC has no code for it."""
    mdc: int | None
    """IEEE 11073-10101 code; None where the standard has none, or none was found."""
    possible_low: float
    possible_high: float
    """Both bounds belong to the range."""
    range_source: str


_GATE = "our choice, tighter than the retrospective ranges of mimic-code vitalsign.sql and mimic3-benchmarks"
_PROPORTION = "a proportion"

SIGN_FACTS: Mapping[Sign, SignFacts] = MappingProxyType(
    {
        Sign.HEART_RATE: SignFacts("Heart rate", "/min", "8867-4", 147842, 20, 300, _GATE),
        Sign.RESPIRATORY_RATE: SignFacts("Respiratory rate", "/min", "9279-1", 151562, 2, 70, _GATE),
        Sign.SPO2: SignFacts("SpO2", "%", "59408-5", 150456, 50, 100, _GATE),
        Sign.TEMPERATURE: SignFacts("Temperature", "Cel", "8310-5", 150364, 30, 43, _GATE),
        Sign.SYSTOLIC: SignFacts("Systolic pressure", "mm[Hg]", "8480-6", 150021, 40, 300, _GATE),
        Sign.DIASTOLIC: SignFacts("Diastolic pressure", "mm[Hg]", "8462-4", 150022, 20, 200, _GATE),
        Sign.MEAN_PRESSURE: SignFacts(
            "Mean pressure", "mm[Hg]", "8478-0", 150023, 20, 250, "between the diastolic and systolic gates"
        ),
        Sign.CONSCIOUSNESS: SignFacts(
            "Consciousness", "{ACVPU}", "67775-7", None, 0, 4, "ordinal of ACVPU: A 0, C 1, V 2, P 3, U 4"
        ),
        Sign.SUPPLEMENTAL_OXYGEN: SignFacts(
            "Supplemental oxygen", "{yes-no}", None, None, 0, 1, "0 breathing air, 1 on oxygen"
        ),
        Sign.SKIN_TEMPERATURE: SignFacts(
            "Skin temperature", "Cel", "39106-0", 150388, 15, 43, "our choice: a cold finger to a hot fever"
        ),
        Sign.HRV_SDNN: SignFacts(
            "Heart rate variability (SDNN)", "ms", "80404-7", None, 0, 500, "our choice: 24 h SDNN rarely passes 300"
        ),
        Sign.STEPS: SignFacts("Steps", "{steps}", "55423-8", None, 0, 100_000, "our choice: a day's count with margin"),
        Sign.GLUCOSE: SignFacts(
            "Glucose", "mmol/L", "15074-8", 160184, 0.5, 120, "mimic3-benchmarks: up to 2200 mg/dL (122 mmol/L)"
        ),
        Sign.BATTERY: SignFacts("Battery", "%", None, None, 0, 100, _PROPORTION),
        Sign.SIGNAL_QUALITY: SignFacts("Signal quality", "%", None, None, 0, 100, _PROPORTION),
        Sign.OXYGEN_FLOW: SignFacts(
            "Oxygen flow",
            "L/min",
            "3151-8",
            None,
            0,
            70,
            "0 on air, up to what high-flow nasal cannulae deliver; our choice",
        ),
        Sign.PAIN: SignFacts(
            "Pain",
            "{score}",
            "72514-3",
            None,
            0,
            10,
            "LOINC 72514-3: numeric rating, 0 none to 10 the worst imaginable",
        ),
        Sign.CAPILLARY_REFILL: SignFacts(
            "Capillary refill", "s", None, None, 0, 20, "our choice: counted at the bedside, 3 s is long"
        ),
        Sign.RESPIRATORY_EFFORT: SignFacts(
            "Respiratory effort",
            "{score}",
            None,
            None,
            0,
            3,
            "0 normal, 1 mildly, 2 moderately, 3 severely increased or apnoea",
        ),
    }
)

CONSCIOUSNESS_LETTERS = "ACVPU"
"""Position in this string is the value of `Sign.CONSCIOUSNESS`: Alert, new Confusion, Voice, Pain, Unresponsive."""

PHYSIOLOGICAL_SIGNS: tuple[Sign, ...] = (
    Sign.HEART_RATE,
    Sign.RESPIRATORY_RATE,
    Sign.SPO2,
    Sign.TEMPERATURE,
    Sign.SYSTOLIC,
    Sign.DIASTOLIC,
    Sign.MEAN_PRESSURE,
)
"""The continuously measured signs that describe the patient, not the device or the setting."""


CHILD_POSSIBLE_HIGH: Mapping[Sign, float] = MappingProxyType({Sign.RESPIRATORY_RATE: 120})
"""Where a child's possible range reaches higher: PEWS tells breathing rates up to 91 of an infant apart; 120 is our choice."""


def possible_high_of(sign: Sign, *, of_child: bool) -> float:
    """The upper bound of the sign's possible range, by age."""
    high = SIGN_FACTS[sign].possible_high
    return CHILD_POSSIBLE_HIGH.get(sign, high) if of_child else high


def is_possible(sign: Sign, value: float, *, of_child: bool = False) -> bool:
    """Whether `value` lies in the sign's possible range; NaN and infinities never do."""
    return SIGN_FACTS[sign].possible_low <= value <= possible_high_of(sign, of_child=of_child)
