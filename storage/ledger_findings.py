"""What does not balance, remembered while it lasts, and what of it patients' alerts have been told."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from storage import dialect
from storage.ledger import Imbalance, ImbalanceKind
from storage.ledger_tables import ledger_findings
from storage.tables import assignments
from vitals.reading import DeviceId, PatientId, Unaccounted


class Finding(NamedTuple):
    """One imbalance as it is remembered."""

    device_id: str
    kind: ImbalanceKind
    since_ms: int
    readings: int
    told_readings: int
    told_patient_id: str | None


def remember(conn: Connection, found: Sequence[Imbalance], *, now_ms: int) -> list[Finding]:
    """Bring the table up to what was found now; what stands, and what has gone but was told of."""
    present = {(one.device_id, one.kind): one.readings for one in found}
    rows = [
        {
            "device_id": device_id,
            "kind": kind.value,
            "since_ms": now_ms,
            "readings": readings,
            "told_readings": 0,
            "told_patient_id": None,
        }
        for (device_id, kind), readings in present.items()
    ]
    if rows:
        statement = dialect.insert(conn, ledger_findings)
        changes = {"readings": statement.excluded["readings"]}
        conn.execute(statement.on_conflict_do_update(index_elements=["device_id", "kind"], set_=changes), rows)
    columns = ledger_findings.c
    standing = []
    for row in conn.execute(select(ledger_findings)).all():
        finding = Finding(
            row.device_id,
            ImbalanceKind(row.kind),
            row.since_ms,
            present.get((row.device_id, ImbalanceKind(row.kind)), 0),
            row.told_readings,
            row.told_patient_id,
        )
        if finding.readings == 0 and finding.told_patient_id is None:
            conn.execute(delete(ledger_findings).where(columns.device_id == row.device_id, columns.kind == row.kind))
        else:
            standing.append(finding)
    return standing


def wearers(conn: Connection, device_ids: Sequence[str]) -> dict[str, PatientId]:
    """Who wears each of these devices now."""
    columns = assignments.c
    query = select(columns.device_id, columns.patient_id).where(
        columns.device_id.in_(device_ids), columns.until_ms.is_(None)
    )
    return {row.device_id: PatientId(row.patient_id) for row in conn.execute(query)}


def to_tell(
    findings: Sequence[Finding], wearing: dict[str, PatientId], *, now_ms: int
) -> tuple[list[Unaccounted], list[Finding]]:
    """Records for the log where a patient's account is not what was told, and the findings as they are told then. Pure.

    An imbalance of a device that nobody wears is told to nobody: it stands in the ledger and in the metric. One that has
    been told for a patient who wears the device no more ends there.
    """
    before: defaultdict[PatientId, int] = defaultdict(int)
    after: defaultdict[PatientId, int] = defaultdict(int)
    devices: defaultdict[PatientId, set[DeviceId]] = defaultdict(set)
    since: dict[PatientId, int] = {}
    off: set[PatientId] = set()
    told = []
    for finding in findings:
        if finding.told_patient_id is not None:
            before[PatientId(finding.told_patient_id)] += finding.told_readings
        patient_id = wearing.get(finding.device_id) if finding.readings else None
        if finding.readings and finding.told_patient_id is not None and finding.told_patient_id != patient_id:
            off.add(PatientId(finding.told_patient_id))
        if patient_id is not None:
            after[patient_id] += finding.readings
            devices[patient_id].add(DeviceId(finding.device_id))
            since[patient_id] = min(since.get(patient_id, finding.since_ms), finding.since_ms)
        told.append(finding._replace(told_readings=finding.readings if patient_id else 0, told_patient_id=patient_id))
    records = [
        Unaccounted(
            patient_id=patient_id,
            at_ms=now_ms,
            readings=after[patient_id],
            device_ids=tuple(sorted(devices[patient_id])),
            since_ms=since.get(patient_id, now_ms),
            device_off=patient_id in off and not after[patient_id],
        )
        for patient_id in sorted(before.keys() | after.keys())
        if before[patient_id] != after[patient_id]
    ]
    return records, [finding for finding, old in zip(told, findings, strict=True) if finding != old]


def remember_told(conn: Connection, told: Sequence[Finding]) -> None:
    """The log has been told."""
    columns = ledger_findings.c
    for finding in told:
        conn.execute(
            update(ledger_findings)
            .where(columns.device_id == finding.device_id, columns.kind == finding.kind.value)
            .values(told_readings=finding.told_readings, told_patient_id=finding.told_patient_id)
        )
