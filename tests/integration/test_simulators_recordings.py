"""The shipped mappings against the recordings they were made for, value by value, read here without them."""

import csv
import math
import os
from pathlib import Path

import pyarrow.parquet as pa_parquet
import pytest

from simulators.recording import expected_observations, open_recording
from vitals.sign import Sign

pytestmark = pytest.mark.integration

SHARED = Path(os.environ.get("WARDLIGHT_SHARED", Path(__file__).parents[3] / "shared"))


def shared(name: str) -> Path:
    file = SHARED / "data" / name
    if not file.exists():
        pytest.skip(f"The recording {file} is not on this machine: this test did not run. Set WARDLIGHT_SHARED.")
    return file


def test_bidmc_is_read_value_by_value() -> None:
    file = shared("bidmc/numerics.parquet")
    rows = pa_parquet.read_table(file).to_pylist()
    first_s = min(row["Time [s]"] for row in rows)
    assert first_s == -1, "one patient begins a second before the others"
    expected = {}
    for row in rows:
        named = {Sign.HEART_RATE: row["HR"], Sign.RESPIRATORY_RATE: row["RESP"], Sign.SPO2: row["SpO2"]}
        signs = {sign: value for sign, value in named.items() if value is not None and not math.isnan(value)}
        if signs:
            device = "bidmc-" + row["record"].removeprefix("bidmc_")
            expected[device, (row["Time [s]"] - first_s) * 1000] = signs
    read = {(device, offset_ms): signs for device, offset_ms, signs in expected_observations([file])}
    assert read == expected
    assert len({device for device, _ in read}) == 36


def test_mimic2_minute_is_read_value_by_value() -> None:
    files = sorted(shared("mimic2_minute").glob("*.csv"))
    expected = {}
    for file in files:
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                signs = {}
                for sign, columns in (
                    (Sign.HEART_RATE, ["HR"]),
                    (Sign.RESPIRATORY_RATE, ["RESP"]),
                    (Sign.SPO2, ["SpO2"]),
                    (Sign.SYSTOLIC, ["ABPSys", "NBPSys"]),
                    (Sign.DIASTOLIC, ["ABPDias", "NBPDias"]),
                    (Sign.MEAN_PRESSURE, ["ABPMean", "NBPMean"]),
                ):
                    values = [float(row[column]) for column in columns if row.get(column)]
                    present = [value for value in values if value != 0]
                    if present:
                        signs[sign] = present[0]
                if signs:
                    expected[f"mimic2-{file.stem}", int(row["minute"]) * 60_000] = signs
    read = {(device, offset_ms): signs for device, offset_ms, signs in expected_observations(files)}
    assert read == expected


def test_sepsis2019_is_recognised_and_read_in_time_order_without_a_row_in_memory_as_objects() -> None:
    recording = open_recording([shared("sepsis2019/set_a.parquet")], rows_max=1_000_000)
    assert recording.rows == 790_215
    assert len(recording.devices) == 20_336
    last_ms = -1
    readings = 0
    for batch in recording.batches(5000):
        for row in batch:
            assert row.offset_ms >= last_ms
            last_ms = row.offset_ms
        readings += len(batch)
    assert readings == recording.rows - recording.empty_rows
    assert last_ms == recording.last_offset_ms == 335 * 3_600_000
