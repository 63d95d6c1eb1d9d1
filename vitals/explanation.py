"""What drove an assessment, in one line that a nurse reads at a glance. Pure.

Per sign the value and how far it lies from what is usual for this patient: clinicians ask for the variables, their change
and its context (Tonekaboni et al., Machine Learning for Healthcare 2019), not for attributions of a model.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from vitals.assessment import Assessment, Driver, RiskParts
from vitals.phrases import distance, label, quantity
from vitals.sign import Sign

DRIVERS_NAMED = 3
_SUBJECTS: Mapping[str, str] = MappingProxyType(
    {
        **{sign.value: label(sign) for sign in Sign},
        "age_years": "Age",
        "is_male": "Sex",
        "shock_index": "Heart rate over systolic pressure",
        "breaths_per_saturation": "Respiratory rate over SpO2",
        "news2_points": "NEWS2",
        "signs_measured": "How often signs are measured",
    }
)
"""What a part of a risk is of, in words."""
SPREADS_TOLD = 2.0
"""Nearer to usual than so many robust standard deviations the distance is not worth a word."""


def explanation(assessment: Assessment) -> str | None:
    """The strongest drivers in words; None where nothing drove it.

    >>> from vitals.sign import Sign
    >>> drivers_in_words([Driver(Sign.SPO2, 88, 93, -4.0, 3), Driver(Sign.RESPIRATORY_RATE, 26, news2_points=3)])
    'SpO2 88 %, 5 below usual; Respiratory rate 26 /min'
    """
    return drivers_in_words(assessment.drivers) or None


def drivers_in_words(drivers: Sequence[Driver]) -> str:
    """At most `DRIVERS_NAMED` of them, strongest first as they came."""
    return "; ".join(map(_in_words, drivers[:DRIVERS_NAMED]))


def raised_by(parts: RiskParts | None) -> tuple[str, ...]:
    """What raised a risk most, strongest first, at most `DRIVERS_NAMED`; what lowered it is not named.

    >>> raised_by(RiskParts(-2.0, -4.0, {"respiratory_rate_bpm": 1.5, "age_years": -0.4, "news2_points": 0.3}, 0.6))
    ('Respiratory rate', 'NEWS2')
    >>> raised_by(RiskParts(-3.0, -4.0, {"temperature_celsius": 1.0}, 0.0, ("temperature_celsius",)))
    ('Temperature not being measured',)
    """
    if parts is None:
        return ()
    raising = [_subject(subject, parts) for subject, log_odds in parts.parts.items() if log_odds > 0]
    return tuple(raising[:DRIVERS_NAMED])


def _subject(subject: str, parts: RiskParts) -> str:
    name = _SUBJECTS.get(subject, subject)
    return f"{name} not being measured" if subject in parts.unmeasured else name


def _in_words(driver: Driver) -> str:
    parts = [quantity(driver.sign, driver.value)]
    is_near = driver.deviation is not None and abs(driver.deviation) < SPREADS_TOLD
    if driver.usual is not None and not is_near:
        parts.append(distance(driver.sign, driver.value, driver.usual))
    return ", ".join(parts)
