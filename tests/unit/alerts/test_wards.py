"""What the engine asks the registry: few questions, however many patients were ever watched, since nothing alarms meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from alerts.place import NOWHERE, Place
from alerts.wards import Stay, Wards
from storage import patients
from storage.patients import Patient
from storage.session import Database
from tests.support.fresh_database import lay_schema
from vitals.alert import Action
from vitals.reading import PatientId, WardId

COUNT = 60
QUESTIONS_MAX = 8
LEFT_MS = 5_000


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database("sqlite://")
    lay_schema(database)
    with database.transaction() as conn:
        for number in range(COUNT):
            patient = Patient(
                patient_id=PatientId(f"p{number}"),
                ward_id=WardId("north"),
                bed=str(number),
                name="",
                spo2_scale=1,
                admitted_at_ms=0,
            )
            patients.add(conn, patient, nameless_without_key=True)
            if number:
                patients.discharge(conn, patient.patient_id, LEFT_MS)
    yield database
    database.close()


@contextmanager
def asked(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database._engine, "before_cursor_execute", note)


def stay(patient_id: str) -> Stay:
    return Stay(PatientId(patient_id), is_unworn=False, wards=frozenset())


def test_everybody_who_left_is_told_of_by_few_questions_and_once(database: Database) -> None:
    wards = Wards(database, lambda: LEFT_MS)
    stays = [stay(f"p{number}") for number in range(1, COUNT)] + [stay("never-admitted")]
    with asked(database) as statements:
        told = wards.renew(lambda: stays)
    assert {(each.patient_id, each.action, each.at_ms) for each in told} == {
        (each.patient_id, Action.PATIENT_LEFT, LEFT_MS) for each in stays[:-1]
    }
    assert len(statements) <= QUESTIONS_MAX
    assert wards.renew(unasked) == []


def unasked() -> list[Stay]:
    raise AssertionError("nothing has changed: thousands are watched, and nobody is asked about them each second")


def test_strangers_are_looked_up_by_few_questions(database: Database) -> None:
    wards = Wards(database, lambda: 0)
    with asked(database) as statements:
        wards.look_up([*(PatientId(f"p{number}") for number in range(COUNT)), PatientId("never-admitted")])
    assert len(statements) <= QUESTIONS_MAX
    assert wards.place_of(PatientId("p7")) == Place(WardId("north"), move=0)
    assert wards.place_of(PatientId("never-admitted")) == NOWHERE
