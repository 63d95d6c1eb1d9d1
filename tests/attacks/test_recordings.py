"""Recordings that somebody prepared: each refused in one sentence, before it fills memory, a disk or another folder."""

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation import datasets, datasets_sepsis2019
from evaluation.datasets import find_set
from simulators import recording
from simulators.mapping import load_mapping
from simulators.recording import open_recording
from vitals.errors import ConfigurationError, InvalidArgument

ROWS_MAX = 1000
HEADER = "record,Time [s],HR,RESP,SpO2\n"
ROW = "r1,0,70,15,97\n"


def csv_with(*rows: str) -> str:
    """A table of one monitor."""
    return HEADER + "".join(f"{row}\n" for row in rows)


def refusal(file: Path, *, rows_max: int = ROWS_MAX) -> str:
    """The one sentence with which a replay refuses it."""
    with pytest.raises(InvalidArgument) as refused:
        open_recording([file], rows_max=rows_max)
    said = str(refused.value)
    assert len(said) < 1000
    return said


TEXTS = {
    "a record that names a path": csv_with("../../etc/passwd,0,70,15,97"),
    "a record that is a topic's wildcard": csv_with("#,0,70,15,97"),
    "a record that holds a topic": csv_with("a/readings,0,70,15,97"),
    "a record that moves the terminal": csv_with("\x1b[2J,0,70,15,97"),
    "a record with NUL": csv_with("r\0,0,70,15,97"),
    "a time beyond any": csv_with("r1,1e300,70,15,97", "r1,0,70,15,97"),
    "a time that overflows milliseconds": csv_with("r1,9.3e15,70,15,97", "r1,0,70,15,97"),
    "times whose distance overflows": csv_with("r1,9e15,70,15,97", "r1,-9e15,70,15,97"),
    "no time": csv_with("r1,nan,70,15,97"),
    "a time without end": csv_with("r1,inf,70,15,97"),
    "more rows than are read": HEADER + ROW * (ROWS_MAX + 1),
    "more records than are read": csv_with(*(f"r{number},0,70,15,97" for number in range(ROWS_MAX + 1))),
    "a line without end": HEADER + "r1" * 4_000_000,
    "columns without end": HEADER.strip() + "," + ",".join(f"c{number}" for number in range(200_000)) + "\n" + ROW,
    "a formula for a number": csv_with("r1,0,=1+1,15,97"),
    "a column twice": "record,Time [s],HR,HR,RESP,SpO2\nr,0,60,200,15,97\n",
    "markup": "<html><script>alert(1)</script></html>",
    "nothing": "",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_table_made_to_hurt_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text)
    assert str(file) in refusal(file) or "rows" in refusal(file)


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(HEADER.encode() + b"\xff\xfe,0,70,15,97\n")
    assert "UTF8" in refusal(file)


def test_a_small_file_that_unpacks_to_a_large_one_is_left_off_at_the_bound(tmp_path: Path) -> None:
    file = tmp_path / "bomb.csv.gz"
    with gzip.open(file, "wb") as packed:
        packed.write(HEADER.encode())
        for _ in range(20):
            packed.write(ROW.encode() * 100_000)
    assert file.stat().st_size < 200_000
    assert f"more than {ROWS_MAX} rows" in refusal(file)


@pytest.mark.parametrize("name", ["pipe.csv", "zero.csv"])
def test_what_is_no_file_is_not_read(tmp_path: Path, name: str) -> None:
    """A named pipe would wait for ever, a device never end."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    assert "no ordinary file" in refusal(tmp_path / name)
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(InvalidArgument):
        find_set(folder)


def parquet(file: Path, rows: int = 3, **columns: pa.Array) -> bytes:
    """A monitor's table, with other columns where given."""
    table = {
        "record": pa.array(["r1"] * rows),
        **{name: pa.array(np.zeros(rows)) for name in ("Time [s]", "HR", "RESP", "SpO2")},
        **columns,
    }
    pq.write_table(pa.table(table), file)
    return file.read_bytes()


def nested(levels: int) -> pa.Array:
    """A list of a list of …, of one number."""
    made: pa.Array = pa.array([1.0])
    for _ in range(levels):
        made = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), made)
    return made


FOOTERS: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda body: body[:-100],
    "a footer longer than the file": lambda body: body[:-8] + struct.pack("<I", 0xFFFF_FFF0) + b"PAR1",
    "a footer of nonsense": lambda _: b"PAR1" + b"\xff" * 1000 + struct.pack("<I", 1000) + b"PAR1",
    "a footer of zeros": lambda _: b"PAR1" + b"\0" * 1000 + struct.pack("<I", 1000) + b"PAR1",
    "pages of nonsense": lambda body: b"PAR1" + b"\xee" * 200 + body[204:],
    "an empty one": lambda _: b"PAR1",
}


@pytest.mark.parametrize("change", FOOTERS.values(), ids=FOOTERS.keys())
def test_a_parquet_file_that_lies_about_itself_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(change(parquet(file)))
    refusal(file)


def test_a_parquet_file_of_values_in_values_in_values_is_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "x.parquet", 1, HR=nested(30))
    refusal(tmp_path / "x.parquet")
    parquet(tmp_path / "y.parquet", 1, HR=nested(60))
    refusal(tmp_path / "y.parquet")


def test_a_parquet_file_of_more_rows_than_are_read_is_refused_by_its_footer(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    parquet(file, 2_000_000)
    assert file.stat().st_size < 100_000
    assert f"more than {ROWS_MAX} rows" in refusal(file)


def test_a_parquet_file_that_unpacks_to_more_than_memory_is_refused_by_its_footer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "UNPACKED_BYTES_MAX", 100_000)
    file = tmp_path / "x.parquet"
    parquet(file, 2, record=pa.array(["x" * 1_000_000] * 2))
    assert file.stat().st_size < 200_000
    assert "unpacks to" in refusal(file)


def test_any_flipped_byte_of_a_parquet_file_is_told_or_harmless(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    body = parquet(file, 200)
    told: list[str] = []
    for place in range(0, len(body), max(1, len(body) // 100)):
        file.write_bytes(body[:place] + bytes([body[place] ^ 0x55]) + body[place + 1 :])
        try:
            read = open_recording([file], mapping="bidmc", rows_max=ROWS_MAX)
            for batch in read.batches(100):
                assert len(batch) <= 100
        except InvalidArgument as error:
            told.append(str(error))
    assert len(told) > 10
    assert all(len(each) < 1000 and "\n" not in each for each in told)


MAPPINGS = {
    "a device outside of the topic": 'device = "../{record}"',
    "a device that is a wildcard": 'device = "#"',
    "unknown fields": 'exec = "id"',
    "no TOML": "[" * 5000,
}


@pytest.mark.parametrize("text", MAPPINGS.values(), ids=MAPPINGS.keys())
def test_a_mapping_made_to_hurt_is_refused(tmp_path: Path, text: str) -> None:
    file, table = tmp_path / "m.toml", tmp_path / "x.csv"
    rest = 'time_column = "Time [s]"\ntime_unit = "s"\n[signs.heart_rate_bpm]\ncolumns = ["HR"]\n'
    file.write_text(text + "\n" + ("" if text.startswith("device") else 'device = "d"\n') + rest)
    table.write_text(csv_with("r1,0,70,15,97"))
    with pytest.raises((ConfigurationError, InvalidArgument)):
        open_recording([table], mapping=str(file), rows_max=ROWS_MAX)


def test_a_mapping_of_another_folder_is_not_found_by_a_shipped_name() -> None:
    for name in ("../settings", "../../pyproject", "bidmc/../../x", "/etc"):
        with pytest.raises(InvalidArgument, match="no mapping"):
            load_mapping(name)


SEPSIS = "patient,HR,ICULOS,SepsisLabel\n"


def test_an_evaluation_is_not_made_to_unpack_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "UNPACKED_BYTES_MAX", 1_000_000)
    with gzip.open(tmp_path / "set_a.csv.gz", "wb") as packed:
        packed.write(SEPSIS.encode() + b"p1,70,1,0\n" * 500_000)
    with pytest.raises(InvalidArgument, match="unpacks to more than"):
        find_set(tmp_path).read(lambda _done, _total: None)


def test_an_evaluation_reads_no_file_larger_than_any_of_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets_sepsis2019, "PSV_BYTES_MAX", 1000)
    (tmp_path / "p1.psv").write_text("HR|ICULOS|SepsisLabel\n" + "70|1|0\n" * 1000)
    with pytest.raises(InvalidArgument, match="at most"):
        find_set(tmp_path).read(lambda _done, _total: None)


def test_an_evaluation_follows_no_link_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").symlink_to(tmp_path)
    (tmp_path / "x.csv").symlink_to("/etc/passwd")
    with pytest.raises(InvalidArgument) as refused:
        find_set(tmp_path)
    assert "root:" not in str(refused.value)


@pytest.mark.parametrize(
    "rows",
    [
        "p1,70,1e300,0\n",
        "p1,70,-1e9,0\n",
        "p1,70,nan,0\n",
        "p1,70,1,2\n",
        "p1,=cmd,1,0\n",
        ",70,1,0\n",
        "p1,70,1,0\n" * 50,
    ],
)
def test_a_set_of_impossible_hours_labels_or_values_is_refused(tmp_path: Path, rows: str) -> None:
    (tmp_path / "set_a.csv").write_text(SEPSIS + rows)
    with pytest.raises(InvalidArgument):
        find_set(tmp_path).read(lambda _done, _total: None)
