"""Wards and patients: who is there, their history and what was said of it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator, Field

from dashboard import tiles
from dashboard.context import Context, Here
from dashboard.permissions import Permission
from dashboard.person import Signed
from dashboard.schemas import (
    AssessmentEntry,
    Birth,
    ChartedBy,
    History,
    HistoryRow,
    Level,
    NewPatient,
    Nothing,
    PatientEntry,
    PatientSex,
    SignRange,
    TimeMs,
    WardEntry,
)
from dashboard.stay_schemas import RecordNumber
from storage import assessments, patients, readings
from storage.charting import USUAL_SCALE
from storage.patients import Patient
from storage.readings import Bucket
from storage.window import ROWS_MAX
from storage.window import Cursor as StoredCursor
from vitals.errors import InvalidArgument
from vitals.reading import PatientId, Reading, WardId
from vitals.sign import Sign

router = APIRouter(tags=["patients"])

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN_MS_MAX = 366 * 86_400_000
_DEFAULT_WINDOW_MS = 3_600_000


def parse_span_ms(value: object) -> object:
    """A span such as `30s`, `1m`, `2h` or `500ms`, or plain milliseconds, in milliseconds.

    >>> parse_span_ms("1m"), parse_span_ms("500")
    (60000, 500)
    """
    text = str(value)
    number = text.rstrip("msdh")
    unit = text[len(number) :] or "ms"
    if not (number.isascii() and number.isdecimal() and len(number) <= 12) or unit not in _UNITS_MS:
        raise ValueError("give a span such as 30s, 1m or 2h")
    return int(number) * _UNITS_MS[unit]


Span = Annotated[int, BeforeValidator(parse_span_ms), Field(ge=1, le=_SPAN_MS_MAX)]
SignNames = Annotated[list[Annotated[str, Field(max_length=600)]], Field(max_length=len(Sign))]
"""Repeated, or separated by commas."""
Cursor = Annotated[str, Field(max_length=200, pattern=r"^[0-9]{1,15}~")]
Limit = Annotated[int, Query(ge=1, le=ROWS_MAX)]


@router.get("/wards")
async def list_wards(here: Here, who: Signed) -> list[WardEntry]:
    """Wards that have patients, of those one may see."""
    counts: dict[str, int] = {}
    for patient in await here.ask(patients.list_patients):
        if not who.may(Permission.SEE_WARD, patient.ward_id):
            continue
        counts[patient.ward_id] = counts.get(patient.ward_id, 0) + 1
    return [WardEntry(ward_id=ward_id, patients=count) for ward_id, count in sorted(counts.items())]


@router.get("/patients")
async def list_patients(
    here: Here, who: Signed, ward: Annotated[Level | None, Query()] = None, *, with_discharged: bool = False
) -> list[PatientEntry]:
    """Patients present on wards one may see, by ward and bed; optionally those who have left."""
    ward_id = None if ward is None else WardId(ward)
    found = await here.ask(patients.list_patients, ward_id, with_discharged=with_discharged)
    listed = (_entry(patient) for patient in found if who.may(Permission.SEE_WARD, patient.ward_id))
    return [entry.model_copy(update={"record_number": None}) for entry in listed]


@router.post("/patients", status_code=201)
async def add_patient(here: Here, who: Signed, body: NewPatient) -> PatientEntry:
    """Admit a patient under a new random id; 409 where the bed is taken."""
    patient = Patient(
        patient_id=patients.new_patient_id(),
        ward_id=WardId(body.ward_id),
        bed=body.bed,
        name=body.name,
        spo2_scale=USUAL_SCALE,
        admitted_at_ms=here.clock.now_ms(),
        birth_date=body.birth_date,
        sex=body.sex,
        record_number=body.record_number,
    )
    await here.change(patients.add, patient, by=who.name)
    return _entry(patient)


@router.post("/patients/find")
async def find_patients(here: Here, who: Signed, body: RecordNumber) -> list[PatientEntry]:
    """Every stay of the person with this record number, newest first, of wards one may see."""
    found = await here.ask(patients.with_record_number, body.record_number)
    return [_entry(one) for one in found if who.may(Permission.SEE_PATIENT, one.ward_id, one.patient_id)]


@router.post("/patients/{patient_id}/birth-date")
async def set_birth_date(here: Here, patient_id: Level, body: Birth) -> PatientEntry:
    """Say when the patient was born: a child's readings are scored and limited by age from now on."""
    return _entry(
        await here.change(patients.set_birth_date, PatientId(patient_id), body.birth_date, here.clock.now_ms())
    )


@router.post("/patients/{patient_id}/sex")
async def set_sex(here: Here, patient_id: Level, body: PatientSex) -> PatientEntry:
    """Say the patient's sex: a feature of the risk model, and a group of its audit; no score or limit uses it."""
    return _entry(await here.change(patients.set_sex, PatientId(patient_id), body.sex))


@router.get("/patients/{patient_id}")
async def get_patient(here: Here, patient_id: Level) -> PatientEntry:
    """One patient."""
    return _entry(await here.ask(patients.get, PatientId(patient_id)))


@router.post("/patients/{patient_id}/discharge")
async def discharge_patient(here: Here, patient_id: Level, _: Nothing) -> PatientEntry:
    """The patient leaves: bed and devices are free, open alerts end, history stays. Repeating it changes nothing."""
    await here.change(patients.discharge, PatientId(patient_id), here.clock.now_ms())
    return _entry(await here.ask(patients.get, PatientId(patient_id)))


@router.get("/patients/{patient_id}/history")
async def get_history(
    here: Here,
    patient_id: Level,
    sign: Annotated[SignNames | None, Query()] = None,
    from_: Annotated[TimeMs | None, Query(alias="from")] = None,
    to: Annotated[TimeMs | None, Query()] = None,
    every: Annotated[Span | None, Query()] = None,
    after: Annotated[Cursor | None, Query()] = None,
    limit: Limit = 2000,
) -> History:
    """Readings measured in [from, to), oldest first; the last hour, all signs, unless asked otherwise.

    With `every`, one row per span: the mean, with the range beside it.
    """
    from_ms, to_ms = _window(here, from_, to)
    signs = _signs_named(sign)
    subject = PatientId(patient_id)
    start = None if after is None else after.partition("~")

    database = here.confined

    def ask() -> tuple[list[HistoryRow], str | None]:
        with database.snapshot() as conn:
            patients.get(conn, subject)
            if every is None:
                cursor = None if start is None else StoredCursor(int(start[0]), start[2])
                found = readings.history(
                    conn, subject, signs=signs, from_ms=from_ms, to_ms=to_ms, limit=limit, after=cursor
                )
                return [_row(reading) for reading in found], _next_reading(found, limit)
            begin_ms = from_ms if start is None else max(from_ms, int(start[0]))
            end_ms = min(to_ms, begin_ms // every * every + limit * every)
            if begin_ms >= end_ms:
                return [], None
            buckets = readings.history(
                conn, subject, signs=signs, from_ms=begin_ms, to_ms=end_ms, every_ms=every, limit=limit
            )
            return [_bucket(bucket) for bucket in buckets], f"{end_ms}~" if end_ms < to_ms else None

    rows, following = await here.door.run(ask)
    return History(patient_id=patient_id, from_ms=from_ms, to_ms=to_ms, every_ms=every, rows=rows, next=following)


@router.get("/patients/{patient_id}/assessments")
async def list_assessments(
    here: Here,
    patient_id: Level,
    from_: Annotated[TimeMs | None, Query(alias="from")] = None,
    to: Annotated[TimeMs | None, Query()] = None,
    limit: Limit = 500,
    *,
    marked: bool = False,
) -> list[AssessmentEntry]:
    """What scores and models said of readings measured in [from, to), oldest first; the last hour unless asked otherwise.

    With `marked`, only those that tell of a night, or of a sign whose usual was learned anew: one or two a day.
    """
    from_ms, to_ms = _window(here, from_, to)
    subject = PatientId(patient_id)
    await here.ask(patients.get, subject)
    query = assessments.marked if marked else assessments.history
    found = await here.ask(query, subject, from_ms=from_ms, to_ms=to_ms, limit=limit)
    return [AssessmentEntry.model_validate(tiles.assessment(record)) for record in found]


def _entry(patient: Patient) -> PatientEntry:
    return PatientEntry(
        patient_id=patient.patient_id,
        ward_id=patient.ward_id,
        bed=patient.bed,
        name=patient.name,
        spo2_scale=patient.spo2_scale,
        admitted_at_ms=patient.admitted_at_ms,
        discharged_at_ms=patient.discharged_at_ms,
        birth_date=patient.birth_date,
        sex=patient.sex,
        record_number=patient.record_number,
    )


def _window(here: Context, from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
    end_ms = here.clock.now_ms() + 1 if to_ms is None else to_ms
    begin_ms = max(0, end_ms - _DEFAULT_WINDOW_MS) if from_ms is None else from_ms
    if begin_ms >= end_ms:
        raise InvalidArgument("The window must end after it begins: 'from' lies at or after 'to'.")
    return begin_ms, end_ms


def _signs_named(names: Sequence[str] | None) -> tuple[Sign, ...]:
    wanted = [name.strip() for text in names or () for name in text.split(",") if name.strip()]
    unknown = sorted(set(wanted) - {sign.value for sign in Sign})
    if unknown:
        raise InvalidArgument(f"There is no sign {unknown[0][:40]!r}; known are {', '.join(Sign)}.")
    return tuple(dict.fromkeys(map(Sign, wanted))) if wanted else tuple(Sign)


def _next_reading(found: Sequence[Reading], limit: int) -> str | None:
    return f"{found[-1].measured_at_ms}~{found[-1].reading_id}" if len(found) == limit else None


def _row(reading: Reading) -> HistoryRow:
    said = reading.charted
    charted = None if said is None else ChartedBy(by=said.by, note=said.note, valid_for_s=said.valid_for_s)
    return HistoryRow(measured_at_ms=reading.measured_at_ms, signs=reading.signs, charted=charted)


def _bucket(bucket: Bucket) -> HistoryRow:
    return HistoryRow(
        measured_at_ms=bucket.from_ms,
        signs={sign: summary.mean for sign, summary in bucket.signs.items()},
        ranges={
            sign: SignRange(minimum=summary.minimum, maximum=summary.maximum) for sign, summary in bucket.signs.items()
        },
    )
