"""Recordings: columns to signs by a mapping, units, absent values, time; and one sentence for what cannot be read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from simulators.mapping import load_mapping, shipped_names
from simulators.recording import Recording, expected_observations, open_recording
from vitals.errors import ConfigurationError, InvalidArgument
from vitals.sign import Sign

FAHRENHEIT = """
device = "ward-{record}"
record_column = "who"
time_column = "at"
time_unit = "timestamp"
[signs.temperature_celsius]
columns = ["temp"]
unit = "[degF]"
absent = [0, -1]
[signs.heart_rate_bpm]
columns = ["pulse", "ecg"]
[constants]
supplemental_oxygen = 1
"""


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def observations(files: Sequence[Path], mapping: str | None = None) -> list[tuple[str, int, dict[Sign, float]]]:
    return list(expected_observations(files, mapping=mapping))


def opened(files: Sequence[Path], mapping: str | None = None) -> Recording:
    return open_recording(files, mapping=mapping, rows_max=1000)


def test_a_minute_file_is_recognised_by_its_columns_and_zero_is_a_lost_signal(tmp_path: Path) -> None:
    file = written(
        tmp_path / "s1.csv",
        "minute,HR,ABPSys,ABPDias,ABPMean,PULSE,RESP,SpO2,NBPSys,NBPDias,NBPMean\n"
        "0,0.0,0,0,0,0,23.0,0.0,,,\n1,62.8,0,0,0,0,12.7,97.0,120,70,87\n2,0,0,0,0,0,0,0,,,\n3,60,115,60,78,0,13,97,120,70,87\n",
    )
    assert observations([file]) == [
        ("mimic2-s1", 0, {Sign.RESPIRATORY_RATE: 23.0}),
        (
            "mimic2-s1",
            60_000,
            {
                Sign.HEART_RATE: 62.8,
                Sign.RESPIRATORY_RATE: 12.7,
                Sign.SPO2: 97.0,
                Sign.SYSTOLIC: 120.0,
                Sign.DIASTOLIC: 70.0,
                Sign.MEAN_PRESSURE: 87.0,
            },
        ),
        (
            "mimic2-s1",
            180_000,
            {
                Sign.HEART_RATE: 60.0,
                Sign.RESPIRATORY_RATE: 13.0,
                Sign.SPO2: 97.0,
                Sign.SYSTOLIC: 115.0,
                Sign.DIASTOLIC: 60.0,
                Sign.MEAN_PRESSURE: 78.0,
            },
        ),
    ]
    assert opened([file]).empty_rows == 1


def parquet(file: Path, columns: dict[str, list[Any]]) -> Path:
    pa_parquet.write_table(pa.table(columns), file)
    return file


def test_several_patients_of_one_parquet_file_are_merged_in_time_order(tmp_path: Path) -> None:
    file = parquet(
        tmp_path / "n.parquet",
        {
            "record": ["bidmc_01", "bidmc_01", "bidmc_02", "bidmc_02"],
            "Time [s]": [1, 3, 0, 2],
            "HR": [94.0, None, 70.0, 71.0],
            "RESP": [25.0, float("nan"), 15.0, 15.0],
            "SpO2": [97.0, 96.0, 98.0, -1.0],
        },
    )
    assert [(device, offset_ms) for device, offset_ms, _ in observations([file])] == [
        ("bidmc-02", 0),
        ("bidmc-01", 1000),
        ("bidmc-02", 2000),
        ("bidmc-01", 3000),
    ]
    assert observations([file])[2][2] == {Sign.HEART_RATE: 71.0, Sign.RESPIRATORY_RATE: 15.0}
    assert observations([file])[3][2] == {Sign.SPO2: 96.0}


def test_units_are_converted_absent_values_left_out_constants_added_and_clock_times_read(tmp_path: Path) -> None:
    mapping = written(tmp_path / "mine.toml", FAHRENHEIT)
    file = written(
        tmp_path / "x.csv",
        "who,at,temp,pulse,ecg,note\n"
        "A,2026-01-01T10:00:00Z,98.6,,71,x\nB,2026-01-01T12:00:00+01:00,-1,80,99,y\nA,2026-01-01T10:00:01Z,0,,,z\n",
    )
    assert observations([file], str(mapping)) == [
        ("ward-A", 0, {Sign.TEMPERATURE: 37.0, Sign.HEART_RATE: 71.0, Sign.SUPPLEMENTAL_OXYGEN: 1.0}),
        ("ward-B", 3_600_000, {Sign.HEART_RATE: 80.0, Sign.SUPPLEMENTAL_OXYGEN: 1.0}),
    ]


def test_times_without_a_zone_are_read_too(tmp_path: Path) -> None:
    mapping = written(tmp_path / "mine.toml", FAHRENHEIT)
    file = written(
        tmp_path / "x.csv", "who,at,temp,pulse,ecg\nA,2026-01-01 10:00:00,98.6,,71\nA,2026-01-01 10:00:02,98.6,,71\n"
    )
    assert [offset_ms for _, offset_ms, _ in observations([file], str(mapping))] == [0, 2000]


def test_values_that_ought_to_be_refused_are_published_and_counted(tmp_path: Path) -> None:
    file = written(
        tmp_path / "s.csv", "minute,HR,RESP,SpO2,NBPSys,NBPDias,NBPMean\n0,9,15,97,120,70,87\n1,60,15,97,70,80,75\n"
    )
    assert opened([file]).implausible_rows == 2
    assert observations([file])[0][2][Sign.HEART_RATE] == 9.0


def test_the_identity_follows_bytes_and_mapping_not_the_place(tmp_path: Path) -> None:
    text = "record,Time [s],HR,RESP,SpO2\np,0,60,15,97\n"
    here, there = written(tmp_path / "a.csv", text), written(tmp_path / "b.csv", text)
    other = written(tmp_path / "c.csv", text.replace("60", "61"))
    assert opened([here]).identity == opened([there]).identity != opened([other]).identity


def test_batches_are_bounded_and_together_are_everything(tmp_path: Path) -> None:
    rows = "".join(f"p,{second},60,15,97\n" for second in range(100))
    recording = opened([written(tmp_path / "a.csv", "record,Time [s],HR,RESP,SpO2\n" + rows)])
    batches = list(recording.batches(7))
    assert max(map(len, batches)) == 7
    assert [row.offset_ms for batch in batches for row in batch] == [1000 * second for second in range(100)]


def test_every_shipped_mapping_can_be_loaded() -> None:
    assert shipped_names() == ("bidmc", "mimic2_minute", "sepsis2019")
    for name in shipped_names():
        assert load_mapping(name).description


@pytest.mark.parametrize(
    ("text", "mapping", "sentence"),
    [
        (None, None, "There is no file"),
        ("a,b\n1,2\n", None, "No shipped mapping"),
        ("a,b\n1,2\n", "bidmc", r"Column 'Time \[s\]' is missing; there are a, b"),
        ("a,b\n1,2\n", "nonsense", "There is no mapping 'nonsense': name one of bidmc"),
        ("record,Time [s],HR,RESP,SpO2\np,0,sixty,15,97\n", None, "no CSV or Parquet file that can be read"),
        ("record,Time [s],HR,RESP,SpO2\np,,60,15,97\n", None, "A row has no time"),
        ("record,Time [s],HR,RESP,SpO2\n,0,60,15,97\n", None, "A row names no record"),
        ("record,Time [s],HR,RESP,SpO2\na/b,0,60,15,97\n", None, "Record 'a/b' would be device"),
        ("record,Time [s],HR,RESP,SpO2\n", None, "There is no row"),
        ("PAR1nonsense", None, "no CSV or Parquet file that can be read"),
        ("", None, "no CSV or Parquet file that can be read"),
        ("record,Time [s],HR,RESP,SpO2\n" + "p,0,60,15,97\n" * 1001, None, "more than 1000 rows"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    tmp_path: Path, text: str | None, mapping: str | None, sentence: str
) -> None:
    file = tmp_path / "r.csv"
    if text is not None:
        written(file, text)
    with pytest.raises(InvalidArgument, match=sentence) as raised:
        opened([file], mapping)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("device = 1", "cannot be used"),
        ("not toml", "cannot be used"),
        (FAHRENHEIT.replace("[degF]", "parsec"), "gives temperature_celsius in 'parsec'"),
        (FAHRENHEIT.replace('["temp"]', "[]"), "names no column for temperature_celsius"),
        (FAHRENHEIT.replace("signs.temperature_celsius", "signs.warmth"), "cannot be used"),
        (FAHRENHEIT + "colour = 1\n", "cannot be used"),
    ],
)
def test_a_mapping_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        load_mapping(str(written(tmp_path / "m.toml", text)))
    assert "\n" not in str(raised.value)
