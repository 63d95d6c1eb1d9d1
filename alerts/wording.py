"""The one line a nurse reads: value, duration, limit. Pure."""

from collections.abc import Sequence

from alerts.unjudged import Why
from vitals.assessment import Assessment, News2Summary, PewsSummary
from vitals.explanation import explanation
from vitals.limits import LimitRule
from vitals.phrases import amount, distance, duration, label, quantity, rounded
from vitals.sign import CONSCIOUSNESS_LETTERS, SIGN_FACTS, Sign

_ACVPU = ("alert", "new confusion", "reacts to voice", "reacts to pain only", "unresponsive")


def breach(rule: LimitRule, value: float, limit: float, lasted_ms: int) -> str:
    """A value beyond its limit.

    >>> from vitals.limits import HARD_LIMITS
    >>> breach(HARD_LIMITS[0], 84, 88, 45_000)
    'SpO2 84 % for 45 s, limit 88 %'
    """
    held = f" for {duration(lasted_ms)}" if lasted_ms >= 1000 else ""
    return f"{quantity(rule.sign, value)}{held}, limit {amount(rule.sign, limit)}"


def back_within(rule: LimitRule, value: float, limit: float, lasted_ms: int) -> str:
    """A value that has come back."""
    held = f" for {duration(lasted_ms)}" if lasted_ms >= 1000 else ""
    return f"{quantity(rule.sign, value)}, back within limit {amount(rule.sign, limit)}{held}"


def news2(summary: News2Summary) -> str:
    """The score, or what it is at least, and what gave the points.

    >>> news2(News2Summary(low=5, high=9, points={Sign.SPO2: 3, Sign.HEART_RATE: 2}, missing=(), single_red=True, response=""))
    'NEWS2 at least 5: SpO2 3, Heart rate 2'
    """
    total = f"{summary.total}" if summary.total is not None else f"at least {summary.low}"
    scoring = sorted(((points, sign) for sign, points in summary.points.items() if points), key=lambda item: -item[0])
    parts = ", ".join(f"{SIGN_FACTS[sign].label} {points}" for points, sign in scoring)
    return f"NEWS2 {total}: {parts}" if parts else f"NEWS2 {total}"


def pews(summary: PewsSummary) -> str:
    """A child's score, or what it is at least, and what gave the points.

    >>> from vitals.age import AgeBand
    >>> pews(PewsSummary(low=6, high=14, points={Sign.SPO2: 2, Sign.HEART_RATE: 4}, missing=(), band=AgeBand.UNDER_1_YEAR))
    'PEWS at least 6 (3-12mo): Heart rate 4, SpO2 2'
    """
    total = f"{summary.total}" if summary.total is not None else f"at least {summary.low}"
    scoring = sorted(((points, sign) for sign, points in summary.points.items() if points), key=lambda item: -item[0])
    parts = ", ".join(f"{SIGN_FACTS[sign].label} {points}" for points, sign in scoring)
    return f"PEWS {total} ({summary.band}): {parts}" if parts else f"PEWS {total} ({summary.band})"


def pattern(assessment: Assessment, lasted_ms: int) -> str:
    """What is unusual for this patient."""
    held = f" for {duration(lasted_ms)}" if lasted_ms >= 1000 else ""
    parts = explanation(assessment)
    return f"Unusual pattern{held}: {parts}" if parts else f"Unusual pattern{held}"


def consciousness(value: int, by: str) -> str:
    """What somebody charted.

    >>> consciousness(3, "Ada Nurse")
    'Consciousness P (reacts to pain only), charted by Ada Nurse'
    """
    return f"Consciousness {CONSCIOUSNESS_LETTERS[value]} ({_ACVPU[value]}), charted by {by}"


def silence(silent_ms: int, usual_ms: float | None) -> str:
    """Nothing heard."""
    usually = "" if usual_ms is None or usual_ms < 1000 else f", usually every {duration(round(usual_ms))}"
    return f"No reading for {duration(silent_ms)}{usually}"


def unjudged(sign: Sign, why: Why, lasted_ms: int, *, value: float) -> str:
    """A sign that no limit judges.

    >>> unjudged(Sign.RESPIRATORY_RATE, Why.REFUSED, 30_000, value=0)
    'Respiratory rate 0 /min refused as impossible for 30 s: see the patient, then the sensor'
    """
    held = f" for {duration(lasted_ms)}" if lasted_ms >= 1000 else ""
    if why is Why.REFUSED:
        return f"{quantity(sign, value)} refused as impossible{held}: see the patient, then the sensor"
    return f"No {label(sign)}{held}, while other signs are heard"


def usual_again(lasted_ms: int) -> str:
    """Why an unusual pattern ended."""
    return f"As usual again for {duration(lasted_ms)}" if lasted_ms >= 1000 else "As usual again"


def accounted(*, device_off: bool) -> str:
    """Why what the ledger missed is no alert of this patient any more."""
    if device_off:
        return "The device is off the patient; its readings are still not accounted for: see the ledger"
    return "Every reading is accounted for again"


def unaccounted(readings: int, device_ids: Sequence[str]) -> str:
    """What the ledger cannot account for.

    >>> unaccounted(12, ("watch-3",))
    '12 readings of watch-3 are not accounted for: see the ledger'
    """
    of = f" of {', '.join(device_ids)}" if device_ids else ""
    what = "1 reading" if readings == 1 else f"{readings} readings"
    return f"{what}{of} {'is' if readings == 1 else 'are'} not accounted for: see the ledger"


def clock(device_id: str, behind_ms: int, lasted_ms: int) -> str:
    """A device whose time is wrong.

    >>> clock("watch-3", 600_000, 120_000), clock("watch-3", -240_000, 60_000)[:47]
    ('Readings of watch-3 come 10 min late for 2 min and cannot alarm: check its clock', 'Readings of watch-3 are refused, 4 min ahead of')
    """
    held = f" for {duration(lasted_ms)}" if lasted_ms >= 1000 else ""
    if behind_ms < 0:
        return f"Readings of {device_id} are refused, {duration(-behind_ms)} ahead of time{held}: set its clock"
    return f"Readings of {device_id} come {duration(behind_ms)} late{held} and cannot alarm: check its clock"


def chatter(signs: Sequence[Sign], lasted_ms: int) -> str:
    """Values that jump to and fro.

    >>> chatter((Sign.SPO2, Sign.HEART_RATE), 45_000)
    'SpO2, Heart rate jump to and fro for 45 s: check the sensor'
    """
    names = ", ".join(label(sign) for sign in signs)
    held = f" for {duration(lasted_ms)}" if lasted_ms >= 1000 else ""
    return f"{names} {'jump' if len(signs) > 1 else 'jumps'} to and fro{held}: check the sensor"


def poor_signal(device_id: str, percent: float, lasted_ms: int) -> str:
    """A signal that its own device calls poor."""
    return f"Signal of {device_id} poor ({percent:.0f} %) for {duration(lasted_ms)}: check how it is worn"


def regular(lasted_ms: int) -> str:
    """Why irregular data ended."""
    return f"Nothing irregular for {duration(lasted_ms)}"


def low_battery(device_id: str, percent: float) -> str:
    """A device that will fall silent.

    >>> low_battery("watch-3", 14)
    'Battery of watch-3 at 14 %: charge or change it'
    """
    return f"Battery of {device_id} at {percent:.0f} %: charge or change it"


def charged(device_id: str, percent: float) -> str:
    """A device that will not fall silent."""
    return f"Battery of {device_id} at {percent:.0f} %, charging or charged"


def risk(probability: float, threshold: float, horizon_s: float | None, raised_by: Sequence[str] = ()) -> str:
    """A learned probability beside its threshold, and what raised it most.

    >>> risk(0.34, 0.2, 21_600, ("Respiratory rate", "Heart rate"))
    'Risk of deterioration 34 % within 6 h, threshold 20 %: most by Respiratory rate, Heart rate'
    """
    within = "" if horizon_s is None else f" within {duration(round(horizon_s * 1000))}"
    most = f": most by {', '.join(raised_by)}" if raised_by else ""
    return f"Risk of deterioration {probability * 100:.0f} %{within}, threshold {threshold * 100:.0f} %{most}"


def risk_untold(lasted_ms: int) -> str:
    """No model tells a risk any more.

    >>> risk_untold(7_200_000)
    'No risk told for 2 h'
    """
    return f"No risk told for {duration(lasted_ms)}"


def shift(sign: Sign, value: float, usual: float, lasted_ms: int) -> str:
    """A sign away from what is usual for this patient.

    >>> shift(Sign.SPO2, 91, 96.1, 2_400_000)
    'SpO2 91 %, 5 below usual for 40 min'
    """
    return f"{quantity(sign, rounded(sign, value))}, {distance(sign, value, usual)} for {duration(lasted_ms)}"


def shift_over(sign: Sign, *, relearned: bool) -> str:
    """Why a shift ended."""
    if relearned:
        return f"{label(sign)} has been so for long that it is this patient's usual now"
    return f"{label(sign)} near this patient's usual again"
