"""A week of two wards for the page *Reliability*: who was observed, what was told, what people said, what was learned."""

import random
from datetime import date, timedelta
from typing import Final

import msgspec
from sqlalchemy import insert

from storage import devices, episodes, labels, models, patients, readings
from storage.devices import Device
from storage.ledger_tables import HOUR_COUNTS, ledger_hours
from storage.models import Draft
from storage.patients import Patient
from storage.reliability import DAY_MS, HOUR_MS
from storage.session import Connection
from storage.signing import load_signer
from tests.support.builders import reading
from tests.support.ward_scene import NAMES, WardScene, transition
from vitals.alert import AlertKind, Priority, Reason, Suppression, Transition, TransitionKind
from vitals.codec import encode
from vitals.label import Feedback, Label
from vitals.model_version import CalibrationBin, ProgressiveScores
from vitals.reading import DeviceId, Origin, PatientId, WardId
from vitals.sex import Sex

LARGE, SMALL = WardId("ward-3"), WardId("ward-4")
SMALL_BEDS: Final = 4
"""Too few patients for figures of their own."""
_KINDS: Final = {
    AlertKind.SPO2_LOW: 9,
    AlertKind.RESPIRATORY_RATE_HIGH: 5,
    AlertKind.UNUSUAL_PATTERN: 4,
    AlertKind.BASELINE_SHIFT: 4,
    AlertKind.HEART_RATE_HIGH: 3,
    AlertKind.NEWS2_URGENT: 3,
    AlertKind.LOST_CONTACT: 6,
    AlertKind.DETERIORATION_RISK: 1,
}
_WORTH: Final = {
    AlertKind.LOST_CONTACT: (Feedback.TECHNICAL, Feedback.TECHNICAL, Feedback.FALSE),
    AlertKind.NEWS2_URGENT: (Feedback.USEFUL, Feedback.USEFUL, Feedback.NOT_ACTIONABLE),
}
_QUIET: Final = Suppression(reason=Reason.INHIBITED, since_ms=1, kind=AlertKind.LOST_CONTACT)
CALIBRATION: Final = tuple(
    CalibrationBin(lessons=worth, predicted=predicted, observed=observed)
    for worth, predicted, observed in (
        (421.0, 0.0019, 0.0), (418.3, 0.0034, 0.0024), (412.8, 0.0052, 0.0048), (405.1, 0.0076, 0.0049),
        (409.9, 0.0111, 0.0146), (403.3, 0.0163, 0.0149), (400.8, 0.0249, 0.0299), (396.2, 0.0392, 0.0303),
        (392.7, 0.0714, 0.0560), (388.0, 0.1893, 0.1495),
    )
)  # fmt: skip


def seed_week(scene: WardScene, *, beds: int = 24) -> None:
    """Patients of every age, observed most hours of a week; the last four lie on the small ward."""
    source, now_ms = random.Random(7), scene.clock.now_ms()
    with scene.database.transaction() as conn:
        for number, name in enumerate(NAMES[:beds]):
            ward = SMALL if number >= beds - SMALL_BEDS else LARGE
            born = date(2026, 1, 1) - timedelta(days=source.randint(19 * 365, 92 * 365))
            known = None if number % 11 == 5 else born.isoformat()
            since_ms = now_ms - 9 * DAY_MS
            stay = Patient(
                PatientId(f"p{number}"), ward, str(number), name, 1, since_ms,
                birth_date=known, sex=(Sex.FEMALE, Sex.MALE)[number % 2] if number % 9 else None,
            )  # fmt: skip
            patients.add(conn, stay)
            devices.add(conn, Device(DeviceId(f"watch-{number}"), ward, since_ms))
            devices.assign(conn, DeviceId(f"watch-{number}"), stay.patient_id, since_ms)
            _deliver(conn, f"watch-{number}", now_ms, source.randint(60, 24 * 7 - 2))
            _alarm(conn, stay.patient_id, ward, now_ms, source)


def seed_minutes(scene: WardScene, minutes: int, *, beds: int = 12) -> None:
    """Simulated patients admitted so many minutes ago: each has an alert of a value that somebody charted, real by itself."""
    now_ms = scene.clock.now_ms()
    since_ms = now_ms - minutes * 60_000
    for number, name in enumerate(NAMES[:beds]):
        stay = Patient(PatientId(f"p{number}"), LARGE, str(number), name, 1, since_ms)
        with scene.database.transaction() as conn:
            patients.add(conn, stay)
            devices.add(conn, Device(DeviceId(f"watch-{number}"), LARGE, since_ms))
            devices.assign(conn, DeviceId(f"watch-{number}"), stay.patient_id, 0)
            _deliver(conn, f"watch-{number}", now_ms, 2)
            readings.store(conn, [reading(patient=stay.patient_id, device=f"watch-{number}", origin=Origin.DEMO)])
            life = _life(stay.patient_id, AlertKind.NEWS2_URGENT, LARGE, now_ms - 60_000, quiet=False)
            episodes.store(conn, life[:1])


def _deliver(conn: Connection, device: str, now_ms: int, hours: int) -> None:
    latest_ms = now_ms // HOUR_MS * HOUR_MS
    rows = [
        dict.fromkeys(HOUR_COUNTS, 0) | {"hour_ms": latest_ms - hour * HOUR_MS, "device_id": device, "stored": 700}
        for hour in range(hours)
    ]
    conn.execute(insert(ledger_hours), rows)


def _alarm(conn: Connection, patient_id: PatientId, ward: WardId, now_ms: int, source: random.Random) -> None:
    """Alerts of the two last weeks, each over when the next of its kind begins; some kept quiet, some judged."""
    steps: list[Transition] = []
    words: list[bytes] = []
    for kind, times in _KINDS.items():
        for turn in range(source.randint(0, times)):
            raised_ms = now_ms - turn * 26 * HOUR_MS - source.randint(1, 20) * HOUR_MS
            life = _life(patient_id, kind, ward, raised_ms, quiet=source.random() < 0.15)
            steps += life
            if life[0].suppression is None and source.random() < 0.35:
                words.append(encode(_word(life[0], source.choice(_WORTH.get(kind, tuple(Feedback))))))
    episodes.store(conn, steps)
    labels.store(conn, words)


def _life(patient_id: PatientId, kind: AlertKind, ward: WardId, raised_ms: int, *, quiet: bool) -> list[Transition]:
    return [
        msgspec.structs.replace(
            transition(
                patient_id, kind, step, priority=Priority.MEDIUM, text=kind.value, at_ms=at_ms, raised_at_ms=raised_ms,
                ward=ward,
            ),
            suppression=_QUIET if quiet else None,
        )
        for step, at_ms in ((TransitionKind.RAISED, raised_ms), (TransitionKind.RESOLVED, raised_ms + 600_000))
    ]  # fmt: skip


def _word(raised: Transition, said: Feedback) -> Label:
    return Label(
        f"l-{raised.episode_id}", raised.episode_id, raised.patient_id, raised.ward_id, raised.kind, raised.priority,
        said, "kim", "Kim Nurse", raised.at_ms + 120_000,
    )  # fmt: skip


def make_versions(scene: WardScene) -> None:
    """Three versions each of a candidate that scores and of one in the shadow; the last that scores is number 5."""
    now_ms = scene.clock.now_ms()
    with scene.database.transaction() as conn:
        for hours, lessons, auroc in ((50, 3400, 0.668), (26, 4800, 0.691), (2, 6200, 0.702)):
            for candidate, ranking in (("additive", auroc), ("additive-quick", auroc - 0.01)):
                _make(conn, candidate, lessons, ranking, now_ms - hours * HOUR_MS)


def _make(conn: Connection, candidate: str, lessons: int, auroc: float, at_ms: int) -> None:
    models.require_candidates(conn, {"additive": "test", "additive-quick": "test"})
    scores = ProgressiveScores(
        lessons=lessons, positives=lessons // 40, auroc=round(auroc, 3), brier=0.021, log_loss=0.094,
        base_log_loss=0.117, calibration=CALIBRATION,
    )  # fmt: skip
    draft = Draft(candidate, f"hash-{candidate}-{lessons}", "test", at_ms, lessons, 43_200.0, scores, b"weights")
    models.make(conn, draft, load_signer(conn), by="trainer", why="200 more lessons")
