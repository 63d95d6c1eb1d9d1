"""Alerts per patient and day under observation, by group, and what people said of each kind. Pure.

A group of fewer than `PATIENTS_MIN` patients has no figures: one restless patient would be the group, and could be told
apart. Whoever may see the wards sees their patients anyway; this is no anonymisation.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from storage.reliability import Observed, Raised, Said
from vitals.age import age_years
from vitals.alert import AlertKind
from vitals.label import Feedback
from vitals.sex import Sex

PATIENTS_MIN: Final = 5
LABELS_MIN: Final = 10
"""Shares of fewer judgements are not told."""
NOT_RECORDED: Final = "not recorded"
_AGE_BANDS: Final = (("under 18", 18), ("18-44", 45), ("45-64", 65), ("65-79", 80), ("80+", 1000))
"""Each ends before so many years; the bands by which evaluations tell fairness."""
_HOURS: Final = 24
DAYS_MIN: Final = 1.0
"""Of fewer patient-days no rate is told: a few alerts of one hour would make it whatever they like."""


class Rate(NamedTuple):
    """One group; without figures where it has fewer than `PATIENTS_MIN` patients."""

    group: str
    patients: int | None
    patient_days: float | None
    told: int | None
    quiet: int | None
    per_patient_day: float | None
    """None, too, before `DAYS_MIN` were observed."""


class KindRate(NamedTuple):
    """One kind of alert, over all patients observed."""

    kind: AlertKind
    told: int
    quiet: int
    patients: int | None
    """Who had at least one told; None where fewer than `PATIENTS_MIN` did."""
    per_patient_day: float | None
    """None before `DAYS_MIN` were observed."""
    judged: int
    """How often people said what it was worth."""
    shares: Mapping[Feedback, float]
    """Of what they said; empty where they said too little."""


class Rates(NamedTuple):
    """Everything the page tells of alerts."""

    total: Rate
    by_age: Sequence[Rate]
    by_sex: Sequence[Rate]
    by_ward: Sequence[Rate]
    by_kind: Sequence[KindRate]
    """Most often told first; none where there are too few patients."""
    simulated: int
    """How many of those told were not of real patients."""
    unplaced: int
    """Told of patients whom no device observed there in that time: in no figure."""


class _Sums:
    """What one group comes to."""

    def __init__(self) -> None:
        self.patients: set[str] = set()
        self.hours = 0.0
        self.told = self.quiet = 0

    def rate(self, name: str) -> Rate:
        """Its figures, or that there are too few patients."""
        if len(self.patients) < PATIENTS_MIN:
            return Rate(name, None, None, None, None, None)
        days = self.hours / _HOURS
        return Rate(name, len(self.patients), round(days, 2), self.told, self.quiet, _per(self.told, days))


def rates_of(observed: Sequence[Observed], raised: Sequence[Raised], said: Sequence[Said], *, at_ms: int) -> Rates:
    """Fold what was observed, raised and said; ages are those at `at_ms`."""
    stays = {(each.patient_id, each.ward_id): each for each in observed}
    placed = [each for each in raised if (each.patient_id, each.ward_id) in stays]

    def by(name_of: Callable[[Observed], str]) -> dict[str, _Sums]:
        groups: defaultdict[str, _Sums] = defaultdict(_Sums)
        for stay in observed:
            group = groups[name_of(stay)]
            group.patients.add(stay.patient_id)
            group.hours += stay.hours
        for each in placed:
            group = groups[name_of(stays[each.patient_id, each.ward_id])]
            group.told += each.told
            group.quiet += each.quiet
        return groups

    total = by(lambda _: "all").get("all", _Sums()).rate("all")
    ages = [*(name for name, _ in _AGE_BANDS), NOT_RECORDED]
    sexes = [Sex.FEMALE.value, Sex.MALE.value, Sex.OTHER.value, NOT_RECORDED]
    wards = by(lambda stay: stay.ward_id)
    return Rates(
        total=total,
        by_age=_in_order(by(lambda stay: _age_band(stay.birth_date, at_ms)), ages),
        by_sex=_in_order(by(lambda stay: _sex(stay.sex)), sexes),
        by_ward=_in_order(wards, sorted(wards)),
        by_kind=_kinds(placed, said, total.patient_days),
        simulated=sum(each.simulated for each in placed),
        unplaced=sum(each.told for each in raised) - sum(each.told for each in placed),
    )


def _in_order(groups: Mapping[str, _Sums], names: Iterable[str]) -> list[Rate]:
    return [groups[name].rate(name) for name in names if name in groups]


def _kinds(placed: Iterable[Raised], said: Iterable[Said], days: float | None) -> list[KindRate]:
    if days is None:
        return []
    told: Counter[AlertKind] = Counter()
    quiet: Counter[AlertKind] = Counter()
    patients: defaultdict[AlertKind, set[str]] = defaultdict(set)
    words: defaultdict[AlertKind, dict[Feedback, int]] = defaultdict(dict)
    for each in placed:
        told[each.kind] += each.told
        quiet[each.kind] += each.quiet
        if each.told:
            patients[each.kind].add(each.patient_id)
    for word in said:
        words[word.kind][word.feedback] = word.times
    found = [
        KindRate(
            kind=kind,
            told=told[kind],
            quiet=quiet[kind],
            patients=len(patients[kind]) if len(patients[kind]) >= PATIENTS_MIN else None,
            per_patient_day=_per(told[kind], days),
            judged=sum(words[kind].values()),
            shares=_shares(words[kind]),
        )
        for kind in told.keys() | words.keys()
    ]
    return sorted(found, key=lambda each: (-each.told, each.kind))


def _shares(words: Mapping[Feedback, int]) -> dict[Feedback, float]:
    judged = sum(words.values())
    if judged < LABELS_MIN:
        return {}
    return {feedback: round(words.get(feedback, 0) / judged, 4) for feedback in Feedback}


def _per(told: int, days: float) -> float | None:
    return None if days < DAYS_MIN else round(told / days, 3)


def _age_band(birth_date: str | None, at_ms: int) -> str:
    years = age_years(None if birth_date is None else date.fromisoformat(birth_date), at_ms)
    return NOT_RECORDED if years is None else next(name for name, until in _AGE_BANDS if years < until)


def _sex(sex: str | None) -> str:
    return NOT_RECORDED if sex is None or sex == Sex.UNKNOWN.value else sex
