"""The figures of a staged ward: caught, how early, what mimics raise, whether the budget is kept, whether trends hold. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec

from evaluation.alarm_load_recordings import read_beds
from evaluation.trend_coverage import Forecast, coverage, forecasts
from evaluation.unusual_run import PATIENT_KINDS, Replayed, recorded_moments
from evaluation.unusual_ward import SLOW, bouts, danger, is_deterioration
from vitals.alert import AlertKind

DAY_S = 86_400.0
TREND_SETS = ("mimic2_minute", "bidmc")
"""Folders of recordings of whose trends figures are made."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One deterioration; minutes from its onset to the first alert of each, None where there was none in time."""

    scenario: str
    any_min: float | None
    unusual_min: float | None
    others_min: float | None
    """Without the unusual pattern."""
    plain_min: float | None
    watched_min: float
    """Until the patient gets better, or the watch ends."""

    @property
    def lead_min(self) -> float | None:
        """How long before the plain monitor; where that never alarms, at least until the watch ends."""
        if self.any_min is None:
            return None
        return (self.watched_min if self.plain_min is None else self.plain_min) - self.any_min


class Mimic(msgspec.Struct, frozen=True, kw_only=True):
    """Bouts of one benign scenario, and in how many an alert began."""

    scenario: str
    bouts: int
    unusual: int
    any: int


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Unusual-pattern alerts of some patients while they are well."""

    of: str
    every_s: float
    patients: int
    patient_days: float
    alerts: int
    per_day: float
    quantiles_per_day: tuple[float, float, float]
    """Median, 90th percentile and most, over patients."""
    share_above: float
    """Of patients with more than half an alert a day."""


class TrendKept(msgspec.Struct, frozen=True, kw_only=True):
    """Forecasts of limits, and how many were reached within their interval."""

    of: str
    forecasts: int
    kept: int
    reached: int
    """Within three hours."""
    minutes_median: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, for people and programs."""

    courses: tuple[Course, ...]
    mimics: tuple[Mimic, ...]
    before_onset: Budget
    whole_ward: Budget
    budget: tuple[Budget, ...] = ()
    trends: tuple[TrendKept, ...] = ()
    recorded_trends: tuple[TrendKept, ...] = ()

    def lines(self) -> Iterator[str]:
        """For people."""
        caught = [course for course in self.courses if course.any_min is not None]
        yield f"deteriorations caught by any alert: {len(caught)} of {len(self.courses)}"
        slow = [course.lead_min for course in self.courses if course.scenario in SLOW and course.lead_min is not None]
        silent = sum(course.plain_min is None for course in self.courses if course.scenario in SLOW)
        yield (
            f"lead over plain thresholds, slow ones ({', '.join(sorted(SLOW))}): median {_shown(median(slow))} min of"
            f" {len(slow)}; in {silent} of them the plain monitor never alarmed"
        )
        yield "scenario          n  any  unusual  others  plain   (median minutes from onset; caught)"
        for name in dict.fromkeys(course.scenario for course in self.courses):
            yield _course_line(name, [course for course in self.courses if course.scenario == name])
        raised, total = sum(each.unusual for each in self.mimics), sum(each.bouts for each in self.mimics)
        yield f"benign mimics in which an unusual pattern was told: {raised} of {total} ({100 * raised / max(total, 1):.1f} %)"
        for mimic in self.mimics:
            yield f"  {mimic.scenario}: {mimic.unusual} of {mimic.bouts}; any alert of the patient {mimic.any}"
        for budget in (self.before_onset, self.whole_ward, *self.budget):
            middle, high, most = budget.quantiles_per_day
            yield (
                f"unusual patterns, {budget.of}, a reading each {budget.every_s:g} s: {budget.per_day:.2f} a patient and day"
                f" ({budget.alerts} in {budget.patient_days:.1f} days of {budget.patients}); over patients: median"
                f" {middle:.2f}, 90 % {high:.2f}, most {most:.2f}; above 0.5: {100 * budget.share_above:.0f} %"
            )
        for kept in (*self.trends, *self.recorded_trends):
            share = f"{100 * kept.kept / kept.forecasts:.0f} %" if kept.forecasts else "-"
            yield (
                f"trends, {kept.of}: {kept.kept} of {kept.forecasts} limits reached within the interval ({share});"
                f" {kept.reached} within 3 h; told {_shown(kept.minutes_median)} min ahead"
            )


def figures(replayed: Sequence[Replayed]) -> Figures:
    """Of a staged ward."""
    every_s = replayed[0].bed.every_s
    ill = [each for each in replayed if is_deterioration(each.bed.course())]
    well = [
        (each, 0.0, each.bed.hours * 3600 if each.bed.course().name == "healthy" else each.bed.course().onset_s)
        for each in replayed
    ]
    return Figures(
        courses=tuple(_course(each) for each in ill),
        mimics=tuple(_mimics(replayed)),
        before_onset=_budget("of the ward while well, from the first reading", well, every_s),
        whole_ward=_budget(
            "of the whole ward, ill patients too", [(each, 0.0, each.bed.hours * 3600) for each in replayed], every_s
        ),
        trends=(
            _kept("ward, all", [found for each in replayed for found in each.forecasts]),
            _kept("ward, in deteriorations", [found for each in ill for found in each.forecasts]),
        ),
    )


def budget_kept(replayed: Sequence[Replayed], *, from_h: float, every_s: float) -> Budget:
    """Of patients in health, from an hour on."""
    spans = [(each, from_h * 3600, each.bed.hours * 3600) for each in replayed]
    return _budget(f"in health, held out after {from_h:g} h", spans, every_s)


def recorded_trends(directory: Path) -> Iterator[TrendKept]:
    """Of recordings, each scored as one patient; only sets that lie in the directory."""
    for name in TREND_SETS:
        if (directory / name).is_dir():
            found: list[Forecast] = []
            for bed in read_beds([directory / name]):
                told, moments = recorded_moments(bed)
                found += forecasts(told, moments)
            yield _kept(name, found)


def _course(each: Replayed) -> Course:
    course, bed = each.bed.course(), each.bed
    span = danger(course, bed.every_s)
    others = PATIENT_KINDS - {AlertKind.UNUSUAL_PATTERN}

    def first_min(seconds: Iterable[float]) -> float | None:
        first = min((second for second in seconds if span.covers(second)), default=None)
        return None if first is None else round((first - span.from_s) / 60, 1)

    return Course(
        scenario=course.name,
        any_min=first_min(told.at_s for told in each.told if told.kind in PATIENT_KINDS),
        unusual_min=first_min(each.unusual_s()),
        others_min=first_min(told.at_s for told in each.told if told.kind in others),
        plain_min=first_min(told.at_s for told in each.plain),
        watched_min=round((min(span.until_s, bed.hours * 3600) - span.from_s) / 60, 1),
    )


def _mimics(replayed: Sequence[Replayed]) -> Iterator[Mimic]:
    for name in dict.fromkeys(each.bed.course().name for each in replayed):
        spans = [
            (each, span)
            for each in replayed
            if each.bed.course().name == name
            for span in bouts(each.bed.course(), each.bed.hours)
        ]
        if spans:
            yield Mimic(
                scenario=name,
                bouts=len(spans),
                unusual=sum(any(map(span.covers, each.unusual_s())) for each, span in spans),
                any=sum(
                    any(span.covers(told.at_s) for told in each.told if told.kind in PATIENT_KINDS)
                    for each, span in spans
                ),
            )


def _budget(of: str, spans: Sequence[tuple[Replayed, float, float]], every_s: float) -> Budget:
    rates, alerts, days = [], 0, 0.0
    for each, from_s, until_s in spans:
        count = sum(from_s <= second < until_s for second in each.unusual_s())
        alerts += count
        days += (until_s - from_s) / DAY_S
        rates.append(count / ((until_s - from_s) / DAY_S))
    rates.sort()
    return Budget(
        of=of,
        every_s=every_s,
        patients=len(rates),
        patient_days=round(days, 2),
        alerts=alerts,
        per_day=round(alerts / days, 3),
        quantiles_per_day=(
            round(median(rates), 3),
            round(rates[min(int(0.9 * len(rates)), len(rates) - 1)], 3),
            round(rates[-1], 3),
        ),
        share_above=round(sum(rate > 0.5 for rate in rates) / len(rates), 3),
    )


def _kept(of: str, found: Sequence[Forecast]) -> TrendKept:
    kept, total = coverage(found)
    ahead = [each.trend.minutes for each in found if each.trend.minutes is not None]
    reached = sum(each.reached_min is not None and each.reached_min <= 180 for each in found)
    return TrendKept(
        of=of, forecasts=total, kept=kept, reached=reached, minutes_median=median(ahead) if ahead else None
    )


def _course_line(name: str, courses: Sequence[Course]) -> str:
    cells = [f"{name:16} {len(courses):2}"]
    for column in ("any_min", "unusual_min", "others_min", "plain_min"):
        known = [value for course in courses if (value := getattr(course, column)) is not None]
        cells.append(f"{_shown(median(known)) if known else '-':>5} ({len(known)})")
    return "  ".join(cells)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
