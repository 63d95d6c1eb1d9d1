"""The staged ward and its figures: who plays what, what counts as caught, early, raised and kept."""

import pytest

from evaluation.trend_coverage import coverage, forecasts
from evaluation.unusual_figures import budget_kept, figures
from evaluation.unusual_run import Replayed, Told, replay
from evaluation.unusual_ward import BEDS, StagedBed, bouts, danger, healthy_beds, is_deterioration, staged, ward
from stream.pipeline import PipelineParameters
from vitals.alert import AlertKind
from vitals.assessment import Trend
from vitals.sign import Sign


def bed_of(name: str, *, seed: int = 1) -> StagedBed:
    return next(bed for bed in ward(seed=seed, every_s=60.0) if bed.course().name == name)


def came_of(bed: StagedBed, *, told: tuple[Told, ...] = (), plain: tuple[Told, ...] = ()) -> Replayed:
    return Replayed(bed=bed, told=told, plain=plain, warm_s=0.0, flagged_s=(), forecasts=())


def test_the_ward_has_every_scenario_as_often_as_it_says_and_a_seed_is_a_ward() -> None:
    beds = ward(seed=4, every_s=60.0)
    names = [bed.course().name for bed in beds]
    assert {name: names.count(name) for name in BEDS} == BEDS
    assert [bed.course() for bed in beds] == [bed.course() for bed in ward(seed=4, every_s=60.0)]
    assert [bed.course() for bed in beds] != [bed.course() for bed in ward(seed=5, every_s=60.0)]
    assert len(ward(seed=4, every_s=60.0, share=0.01)) == len(BEDS)


def test_everybody_is_well_for_half_a_day_and_a_deterioration_is_watched_into_its_worst() -> None:
    for bed in ward(seed=2, every_s=60.0):
        course = bed.course()
        if course.name == "healthy":
            continue
        assert course.onset_s >= 12 * 3600
        if is_deterioration(course):
            worst = course.truth(60.0).phases[-2]
            assert worst.from_s < bed.hours * 3600 <= danger(course, 60.0).until_s + 1


def test_patients_in_health_are_other_people_than_the_wards() -> None:
    well = healthy_beds(seed=1, every_s=60.0, hours=24.0, count=30)
    assert len({bed.bed for bed in well}) == 30
    assert {bed.course().name for bed in well} == {"healthy"}
    assert {bed.bed for bed in well}.isdisjoint({bed.bed for bed in ward(seed=1, every_s=60.0)})


def test_a_lead_is_from_the_first_alert_to_the_plain_monitors_or_to_the_end_of_the_watch() -> None:
    bed = bed_of("sepsis")
    onset_s = bed.course().onset_s
    early = Told(onset_s - 60, AlertKind.UNUSUAL_PATTERN)
    told = (early, Told(onset_s + 600, AlertKind.UNUSUAL_PATTERN), Told(onset_s + 1200, AlertKind.NEWS2_URGENT))
    found = figures([came_of(bed, told=told, plain=(Told(onset_s + 6000, AlertKind.SYSTOLIC_LOW),))]).courses[0]
    assert (found.any_min, found.unusual_min, found.others_min, found.plain_min, found.lead_min) == (
        10,
        10,
        20,
        100,
        90,
    )
    silent = figures([came_of(bed, told=told)]).courses[0]
    assert silent.lead_min == pytest.approx(silent.watched_min - 10)
    assert figures([came_of(bed, told=(early,))]).courses[0].any_min is None


def test_alerts_of_a_device_or_of_what_people_chart_catch_nobody() -> None:
    bed = bed_of("sepsis")
    later_s = bed.course().onset_s + 600
    told = tuple(
        Told(later_s, kind) for kind in (AlertKind.LOST_CONTACT, AlertKind.CONSCIOUSNESS, AlertKind.CLOCK_WRONG)
    )
    assert figures([came_of(bed, told=told)]).courses[0].any_min is None


def test_a_mimic_is_raised_where_a_pattern_begins_in_a_bout() -> None:
    bed = bed_of("exercise")
    walks = bouts(bed.course(), bed.hours)
    told = (
        Told(walks[0].from_s + 60, AlertKind.UNUSUAL_PATTERN),
        Told(walks[1].from_s - 60, AlertKind.UNUSUAL_PATTERN),
        Told(walks[2].from_s + 60, AlertKind.NEWS2_URGENT),
    )
    mimic = figures([came_of(bed, told=told)]).mimics[0]
    assert (mimic.scenario, mimic.bouts, mimic.unusual, mimic.any) == ("exercise", len(walks), 1, 2)


def test_the_budget_is_counted_on_held_out_time_and_over_patients() -> None:
    beds = healthy_beds(seed=1, every_s=60.0, hours=48.0, count=4)
    told = tuple(Told(hour * 3600.0, AlertKind.UNUSUAL_PATTERN) for hour in (2, 30, 40))
    kept = budget_kept([came_of(beds[0], told=told), *map(came_of, beds[1:])], from_h=24, every_s=60)
    assert (kept.alerts, kept.patient_days, kept.per_day) == (2, 4, 0.5)
    assert (*kept.quantiles_per_day, kept.share_above) == (0, 2, 2, 0.25)


def test_a_forecast_is_kept_where_means_reach_the_limit_within_its_interval() -> None:
    moments = [(minute * 60.0, {Sign.SPO2: 95.0 - minute / 10}) for minute in range(120)]
    told = [
        (600.0, Trend(Sign.SPO2, -6.0, 88.0, 60, 45, 75)),
        (1200.0, Trend(Sign.SPO2, -6.0, 88.0, 20, 10, 30)),
        (1260.0, Trend(Sign.SPO2, -6.0, 88.0, 50, 40, 60)),
        (1800.0, Trend(Sign.SPO2, -6.0)),
        (6600.0, Trend(Sign.SPO2, -6.0, 70.0, 20, 10, 30)),
    ]
    found = forecasts(told, moments)
    # One in five minutes is judged, of limits only, and none that the watch leaves open.
    assert [each.at_s for each in found] == [600, 1200]
    assert coverage(found) == (1, 2)


def test_a_bed_goes_through_the_live_scorer_and_engine() -> None:
    bed = bed_of("desaturation")._replace(hours=1.0)
    came = replay(bed, PipelineParameters())
    assert came.warm_s is not None
    assert came.told == ()
    assert staged(bed.bed, seed=bed.seed).name == "desaturation"
