"""How many alerts recordings of real patients would raise: the pure engine over the files, without any service."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from alerts.engine import PatientAlerts
from alerts.place import Place
from alerts.policy import FixedPolicy
from alerts.rules import AlertRules
from alerts.state import PatientState
from tests.support.alert_timetable import WARD, assessment, reading
from vitals.alert import AlertKind, Transition, TransitionKind
from vitals.news2 import score
from vitals.reading import Origin, PatientId
from vitals.sign import Sign, is_possible

BIDMC = {"HR": Sign.HEART_RATE, "RESP": Sign.RESPIRATORY_RATE, "SpO2": Sign.SPO2}
MIMIC2 = {**BIDMC, "NBPSys": Sign.SYSTOLIC}
EXAM = {"heart_rate_bpm": Sign.HEART_RATE}
SEPSIS = {**BIDMC, "Resp": Sign.RESPIRATORY_RATE, "O2Sat": Sign.SPO2, "Temp": Sign.TEMPERATURE, "SBP": Sign.SYSTOLIC}
SCORED_FOR_S = 3600.0
"""How long a value counts for NEWS2 in this measurement."""

Row = tuple[float, dict[Sign, float]]


class Load(NamedTuple):
    """What one set of recordings raised."""

    patients: int
    hours: float
    raised: Counter[AlertKind]
    chattering: int
    """Raised again within 60 s of its own end."""
    transitions: list[Transition]

    @property
    def per_hour(self) -> float:
        """Alerts raised per patient-hour."""
        return sum(self.raised.values()) / self.hours


def measured(recordings: Iterable[tuple[str, Iterable[Row]]], rules: AlertRules, *, with_scores: bool = True) -> Load:
    """Replay recordings; each is a patient of its own."""
    raised: Counter[AlertKind] = Counter()
    chattering, patients, hours = 0, 0, 0.0
    told: list[Transition] = []
    for name, rows in recordings:
        patient = PatientId(name)
        engine = PatientAlerts(PatientState(patient), FixedPolicy(rules), lambda _: Place(WARD))
        known: dict[Sign, tuple[float, float]] = {}
        ended: dict[AlertKind, int] = {}
        first = last = None
        for index, (second, signs) in enumerate(rows):
            first, last = second if first is None else first, second
            record = reading(second, signs, sequence=index, patient=patient, origin=Origin.REPLAY)
            transitions = list(engine.step(record))
            if with_scores:
                known.update({sign: (second, value) for sign, value in signs.items()})
                fresh = {sign: value for sign, (at, value) in known.items() if second - at <= SCORED_FOR_S}
                scored = assessment(second, score(fresh), patient=patient)
                transitions += engine.step(scored)
            for transition in transitions:
                if transition.transition is TransitionKind.RAISED:
                    raised[transition.kind] += 1
                    ended_ms = ended.get(transition.kind)
                    chattering += ended_ms is not None and transition.at_ms - ended_ms <= 60_000
                elif transition.transition is TransitionKind.RESOLVED:
                    ended[transition.kind] = transition.at_ms
            told += transitions
        patients += 1
        hours += 0.0 if first is None or last is None else (last - first) / 3600
    return Load(patients, hours, raised, chattering, told)


def parquet(
    file: Path, *, patient: tuple[str, ...], time: str, per_second: float, columns: Mapping[str, Sign]
) -> Iterator[tuple[str, Iterable[Row]]]:
    """Recordings in a Parquet file, in its order; `per_second` is how many units of `time` make a second."""
    table = pq.read_table(file, columns=[*patient, time, *columns.keys() & set(pq.read_schema(file).names)])
    rows: list[dict[str, Any]] = table.to_pylist()
    for key, group in groupby(rows, key=lambda row: tuple(row[name] for name in patient)):
        yield "-".join(map(str, key)), [(row[time] / per_second, _signs(row, columns)) for row in group]


def minute_csv(file: Path) -> tuple[str, Iterable[Row]]:
    """One recording of mimic2_minute; 0 is no signal."""
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return file.stem[:16], [
        (float(row["minute"]) * 60, _signs({key: float(value or 0) for key, value in row.items()}, MIMIC2))
        for row in rows
    ]


def _signs(row: Mapping[str, float | None], columns: Mapping[str, Sign]) -> dict[Sign, float]:
    found = {sign: row.get(name) for name, sign in columns.items()}
    return {sign: value for sign, value in found.items() if value is not None and is_possible(sign, value)}
