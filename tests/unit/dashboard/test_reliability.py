"""Reliability: rates by group that few patients have none of, and who is told of which ward."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from dashboard.alert_rates import rates_of
from dashboard.app import create_app
from dashboard.permissions import Role
from dashboard.reliability_routes import interval
from storage.reliability import Observed, Raised, Said
from tests.support.builders import EPOCH_MS
from tests.support.people_scene import OTHER, OWN, people_scene
from tests.support.ward_scene import WardScene, ward_scene
from tests.support.watched_week import CALIBRATION, LARGE, SMALL, make_versions, seed_week
from vitals.alert import AlertKind
from vitals.label import Feedback

SPO2, LOST = AlertKind.SPO2_LOW, AlertKind.LOST_CONTACT


def ward_of(number: int, *, ward: str = "west", hours: float = 24, born: str | None = "1950-01-01") -> list[Observed]:
    """So many patients of a ward."""
    return [Observed(f"{ward}-{bed}", ward, born, "female", hours) for bed in range(number)]


def told(patient: str, times: int, *, ward: str = "west", kind: AlertKind = SPO2, quiet: int = 0) -> Raised:
    """Alerts of one kind."""
    return Raised(patient, ward, kind, told=times, quiet=quiet, simulated=0)


def test_a_rate_is_alerts_told_per_patient_day_observed() -> None:
    observed = [*ward_of(5, hours=48), *ward_of(6, ward="east", hours=12, born=None)]
    raised = [told("west-0", 4, quiet=3), told("west-1", 1, kind=LOST), told("east-0", 6, ward="east")]
    rates = rates_of(observed, raised, (), at_ms=EPOCH_MS)
    assert rates.total == ("all", 11, 13.0, 11, 3, 0.846)
    assert rates.by_ward == [("east", 6, 3.0, 6, 0, 2.0), ("west", 5, 10.0, 5, 3, 0.5)]
    assert [(rate.group, rate.patients) for rate in rates.by_age] == [("65-79", 5), ("not recorded", 6)]
    assert [(rate.group, rate.patients) for rate in rates.by_sex] == [("female", 11)]
    assert [(kind.kind, kind.told, kind.per_patient_day) for kind in rates.by_kind] == [
        (SPO2, 10, 0.769),
        (LOST, 1, 0.077),
    ]


def test_a_group_of_fewer_than_five_patients_has_no_figures_and_neither_has_a_house_of_so_few() -> None:
    few = ward_of(4, ward="east")
    rates = rates_of([*ward_of(5), *few], [told("east-0", 9, ward="east")], (), at_ms=EPOCH_MS)
    assert rates.by_ward == [("east", None, None, None, None, None), ("west", 5, 5.0, 0, 0, 0.0)]
    assert [kind.patients for kind in rates.by_kind] == [None]
    alone = rates_of(few, [told("east-0", 9, ward="east")], (), at_ms=EPOCH_MS)
    assert (alone.total.told, alone.by_kind) == (None, [])
    assert rates_of((), (), (), at_ms=EPOCH_MS).total.patients is None


def test_a_patient_of_two_wards_counts_once_and_alerts_without_observation_in_no_rate() -> None:
    moved = Observed("west-0", "east", "1950-01-01", "female", 6)
    raised = [told("west-0", 2, ward="east"), told("gone", 5), told("west-1", 1, ward="north")]
    rates = rates_of([*ward_of(5), moved], raised, (), at_ms=EPOCH_MS)
    assert (rates.total.patients, rates.total.patient_days, rates.total.told) == (5, 5.25, 2)
    assert rates.unplaced == 6


def test_below_one_patient_day_observed_no_rate_is_told() -> None:
    observed = [*ward_of(12, hours=0.15), *ward_of(5, ward="east", hours=4)]
    rates = rates_of(observed, [told("west-0", 6)], (), at_ms=EPOCH_MS)
    assert rates.total == ("all", 17, 0.91, 6, 0, None)
    assert [kind.per_patient_day for kind in rates.by_kind] == [None]
    later = rates_of([*observed, *ward_of(1, ward="north", hours=2.2)], [told("west-0", 6)], (), at_ms=EPOCH_MS)
    assert (later.total.patient_days, later.total.per_patient_day) == (1.0, 6.0)
    assert [rate.per_patient_day for rate in later.by_ward] == [None, None, None]


def test_shares_of_what_people_said_take_ten_judgements() -> None:
    words = [
        Said(SPO2, Feedback.USEFUL, 9),
        Said(SPO2, Feedback.FALSE, 3),
        Said(LOST, Feedback.TECHNICAL, 9),
    ]
    spo2, lost = sorted(rates_of(ward_of(5), (), words, at_ms=EPOCH_MS).by_kind, key=lambda each: -each.judged)
    assert (spo2.judged, spo2.shares[Feedback.USEFUL], spo2.shares[Feedback.TECHNICAL]) == (12, 0.75, 0.0)
    assert (lost.judged, lost.shares) == (9, {})


def test_an_interval_lies_within_nothing_and_all_and_narrows_with_what_is_known() -> None:
    assert interval(0.0, 20) == pytest.approx((0.0, 0.161), abs=0.001)
    assert interval(1.0, 20) == pytest.approx((0.839, 1.0), abs=0.001)
    few, many = interval(0.03, 100), interval(0.03, 1000)
    assert few[0] < many[0] < 0.03 < many[1] < few[1]


@contextlib.asynccontextmanager
async def api() -> AsyncIterator[tuple[WardScene, httpx.AsyncClient]]:
    async with ward_scene() as scene:
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/api/v1/") as client:
            yield scene, client


@pytest.mark.asyncio
async def test_the_answer_holds_calibration_shifts_by_day_and_rates_of_every_ward() -> None:
    async with api() as (scene, client):
        empty = (await client.get("reliability")).json()
        assert (empty["model"]["number"], empty["model"]["bins"]) == (0, [])
        assert (empty["alerts"]["total"]["patients"], empty["alerts"]["by_kind"]) == (None, [])
        seed_week(scene)
        make_versions(scene)
        found = (await client.get("reliability")).json()
        assert (found["model"]["number"], found["model"]["candidate"], found["model"]["lessons"]) == (
            5,
            "additive",
            6200,
        )
        assert [each["predicted"] for each in found["model"]["bins"]] == [each.predicted for each in CALIBRATION]
        assert all(each["observed_low"] <= each["observed"] <= each["observed_high"] for each in found["model"]["bins"])
        assert len(found["shifts"]) == 14
        assert found["shifts"][-1]["to_ms"] == found["now_ms"]
        assert found["alerts"]["wards"] is None
        wards = {each["group"]: each["patients"] for each in found["alerts"]["by_ward"]}
        assert wards == {LARGE: 20, SMALL: None}
        assert found["alerts"]["total"]["told"] == sum(each["told"] for each in found["alerts"]["by_kind"])


@pytest.mark.asyncio
async def test_whoever_sees_the_status_of_one_ward_is_told_of_that_ward_alone() -> None:
    async with people_scene() as scene:
        scene.furnish()
        manager = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN)))
        house = await scene.session(await scene.add("max", (Role.WARD_MANAGER, None)))
        seed_week(scene.ward)
        own = (await scene.client.get("reliability", headers=manager)).json()["alerts"]
        assert (own["wards"], own["by_ward"], own["total"]["patients"]) == ([OWN], [], None)
        whole = (await scene.client.get("reliability", headers=house)).json()["alerts"]
        assert (whole["wards"], whole["total"]["patients"]) == (None, 24)
        assert OTHER not in str(own)
