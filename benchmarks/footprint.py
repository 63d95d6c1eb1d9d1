"""What one patient takes: resident bytes and bytes of snapshot, after two simulated days with a reading a minute.

One patient of every other scenario, with all signs a bedside has, so that windows are full and some models in doubt. What they keep
is told by the resident memory of a process of its own, which River's parts outside Python count in, too: each of them
restored many times, as after a restart, and lived on for half an hour.
"""

import gc
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec

from benchmarks.measure import NotMeasured, Result
from simulators.bedside import Bedside, Sampling
from simulators.physiology import healthy
from simulators.scenarios import SCENARIOS, ward_mix
from stream.candidates import CANDIDATES
from stream.pipeline import PatientPipeline, PipelineParameters
from stream.population import InForce
from stream.scoring import PatientState, assess
from stream.snapshot import decode_snapshot, encode_snapshot
from vitals.identity import sequenced_reading_id
from vitals.model_version import SHIPPED
from vitals.reading import DeviceId, Origin, PatientId, Reading
from vitals.sign import Sign

DAYS = 2
EVERY_S = 60
WARM_UP_READINGS = DAYS * 24 * 3600 // EVERY_S
MORE_READINGS = 30
COPIES = 24
RESIDENT_BYTES_MAX = 100_000.0
SNAPSHOT_BYTES_MAX = 40_000.0
_FROM_MS = 1_767_225_600_000
_PARAMETERS = PipelineParameters()


class Footprint(msgspec.Struct, frozen=True):
    """Bytes per patient."""

    snapshots: list[int]
    """Of each patient."""
    resident: float
    last_values: int
    """What the patient's last reading takes as bytes: the least that anything could keep."""


def run() -> Iterator[Result]:
    """Measure; raises NotMeasured where the system does not tell a process's memory."""
    if not sys.platform.startswith("linux"):
        raise NotMeasured(
            "scorer-resident and scorer-snapshot were not measured: they read /proc, which only Linux has."
        )
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(_measure).result()
    mean, unit = statistics.mean(found.snapshots), "bytes per patient"
    yield Result.of("scorer-resident", value=found.resident, unit=unit, floor=mean, bar=RESIDENT_BYTES_MAX)
    for name, value in (("scorer-snapshot", mean), ("scorer-snapshot-max", max(found.snapshots))):
        yield Result.of(name, value=value, unit=unit, floor=found.last_values, bar=SNAPSHOT_BYTES_MAX)


def _measure() -> Footprint:
    in_force = InForce(SHIPPED, CANDIDATES[0].fresh())
    lived = []
    readings: list[list[Reading]] = []
    for bed in range(0, len(SCENARIOS), 2):
        course = _course(bed)
        state = PatientState(PatientId(f"patient-{bed}"), PatientPipeline(_PARAMETERS))
        state.in_force = in_force
        for reading in course[:-MORE_READINGS]:
            assess(state, reading)
        lived.append(state)
        readings.append(course[-MORE_READINGS:])
    blobs = [encode_snapshot(state) for state in lived]
    gc.collect()
    before = _resident_bytes()
    restored = []
    for _ in range(COPIES):
        for state, blob, course in zip(lived, blobs, readings, strict=True):
            copy = decode_snapshot(state.patient_id, blob, _PARAMETERS, with_models=True)
            copy.in_force = in_force
            for reading in course:
                assess(copy, reading)
            restored.append(copy)
    gc.collect()
    resident = (_resident_bytes() - before) / len(restored)
    last_values = len(msgspec.msgpack.encode(lived[0].fresh.values))
    return Footprint([len(encode_snapshot(state)) for state in restored], resident, last_values)


def _course(bed: int) -> list[Reading]:
    """Two days and a little more at one bed; what its scenario keeps the device from reporting is not there."""
    scenario = ward_mix(len(SCENARIOS), seed=1, onsets_within_s=DAYS * 24 * 3600)[bed]
    sampling = Sampling(rate_hz=1 / EVERY_S, phase_s=0, day_s=0, cuff_phase_s=0)
    bedside = Bedside(physiology=healthy(seed=1, bed=bed), scenario=scenario, sampling=sampling, has_rounds=True)
    device_id = DeviceId(f"device-{bed}")
    made = []
    for number in range(WARM_UP_READINGS + MORE_READINGS):
        told = bedside.reading(number).items()
        signs = {Sign(name): float(value) for name, value in told if not isinstance(value, str)}
        if not signs:
            continue
        at_ms = _FROM_MS + number * EVERY_S * 1000
        made.append(
            Reading(
                reading_id=sequenced_reading_id(device_id, "boot", number),
                patient_id=PatientId(f"patient-{bed}"),
                device_id=device_id,
                measured_at_ms=at_ms,
                received_at_ms=at_ms,
                signs=signs,
                boot="boot",
                sequence=number,
                origin=Origin.DEMO,
                age_years=60,
            )
        )
    return made


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise NotMeasured("scorer-resident was not measured: /proc/self/status does not tell VmRSS.")
