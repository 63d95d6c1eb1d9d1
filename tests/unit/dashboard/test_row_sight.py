"""What a request may read of patients in PostgreSQL is what its person's permissions show, on the routes that are confined."""

import pytest

from dashboard.permissions import RULES, Grant, Permission, Role, Wards, Where, access_of
from dashboard.person import Person
from dashboard.row_sight import CONFINED, SIGHT, seen_by
from storage.access import GRANTS, verbs_of
from storage.row_security import EVERY_ROW, NO_ROW, POLICIES, UNCONFINED, Seen
from vitals.reading import PatientId, WardId

HISTORY = "GET /api/v1/patients/{patient_id}/history"
OF_PATIENTS = {Where.PATH_PATIENT, Where.PATH_EPISODE}
BESIDE = {
    "GET /api/v1/patients/{patient_id}/alert-limits": "limits are decisions, and those of the ward stand beside them",
}
"""Routes about one patient or alert that read no confined table worth a second lock."""


def nurse(*wards: str) -> Person:
    return Person(
        person_id="kim",
        name="Kim",
        access=access_of(Grant(Role.NURSE, WardId(ward)) for ward in wards),
        glass=frozenset({PatientId("opened")}),
    )


def test_every_table_is_confined_or_has_a_reason_why_not() -> None:
    assert POLICIES.keys() & UNCONFINED.keys() == set()
    assert POLICIES.keys() | UNCONFINED.keys() == GRANTS.keys()
    assert all(len(reason) > 20 for reason in UNCONFINED.values())


def test_the_dashboard_reads_every_confined_table() -> None:
    assert all("SELECT" in verbs_of(GRANTS[table])["dashboard"] for table in POLICIES)


def test_every_reading_of_one_patient_or_alert_is_confined_or_has_a_reason_why_not() -> None:
    about_one = {key for key, rule in RULES.items() if key.startswith("GET /api/") and OF_PATIENTS & set(rule.where)}
    assert about_one - CONFINED == BESIDE.keys()
    assert RULES.keys() >= CONFINED


def test_a_confined_route_never_asks_for_a_permission_that_its_sight_does_not_hold() -> None:
    assert {RULES[key].permission for key in CONFINED} <= set(SIGHT)


def test_the_wards_are_those_of_the_persons_roles_and_opened_patients_stand_beside_them() -> None:
    assert seen_by(HISTORY, nurse("north", "south")) == Seen(
        wards=frozenset({"north", "south"}), patients=frozenset({"opened"})
    )


def test_a_role_on_every_ward_sees_every_row() -> None:
    everywhere = Person(person_id="kim", name="Kim", access=access_of([Grant(Role.NURSE, None)]))
    assert seen_by(HISTORY, everywhere).every


def test_roles_that_show_no_patient_show_no_row() -> None:
    for role in (Role.ADMINISTRATOR, Role.AUDITOR, Role.DEVICE_TECHNICIAN):
        person = Person(person_id="ada", name="Ada", access=access_of([Grant(role, None)]))
        assert seen_by(HISTORY, person) == NO_ROW


def test_before_anybody_knows_whose_request_it_is_nothing_is_seen() -> None:
    assert seen_by(None, nurse("north")) == NO_ROW
    assert seen_by(HISTORY, None) == NO_ROW


def test_what_is_not_confined_sees_the_house() -> None:
    assert seen_by("GET /api/v1/ledger", nurse("north")) == EVERY_ROW


@pytest.mark.parametrize("permission", SIGHT)
def test_each_permission_of_the_sight_widens_it_alone(permission: Permission) -> None:
    person = Person(person_id="p", name="P", access={permission: Wards(named=frozenset({WardId("north")}))})
    assert seen_by(HISTORY, person).wards == {"north"}


def test_a_ward_whose_name_reads_as_several_or_as_every_one_names_none() -> None:
    seen = Seen(wards=frozenset({"north south", "*", "", "west"}), patients=frozenset({"anna ben", "carl"}))
    assert set(seen.settings.values()) == {"west", "carl"}
