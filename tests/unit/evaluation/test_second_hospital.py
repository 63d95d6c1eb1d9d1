"""Another hospital's recordings come in other clothes: absent columns, numbers that repeat, broken files; none ends in a traceback."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from evaluation.datasets import find_set
from evaluation.labelled import Recorded
from tests.support.recorded_sets import PSV_HEADER, write_psv, write_sepsis_set
from vitals.errors import InvalidArgument
from vitals.sign import Sign
from wardlight.command_line import run

ROW: dict[str, list[object]] = {"patient": ["p1"], "HR": [80.0], "ICULOS": [1], "SepsisLabel": [0]}
LINES = "HR|ICULOS|SepsisLabel\n80|1|0\n"


def read(path: Path) -> Recorded:
    return find_set(path).read(lambda *_: None)


def write_table(file: Path, **columns: object) -> None:
    parquet.write_table(pa.table(ROW | columns), str(file))


def test_columns_a_hospital_lacks_were_never_measured_there(tmp_path: Path) -> None:
    folder = tmp_path / "training_setB"
    folder.mkdir()
    (folder / "p1.psv").write_text(LINES)
    (tmp_path / "table").mkdir()
    write_table(tmp_path / "table" / "set_b.parquet")
    for found in (read(folder), read(tmp_path / "table")):
        assert found.site == ("B",)
        assert found.signs[Sign.HEART_RATE].tolist() == [80]
        assert np.isnan(found.signs[Sign.TEMPERATURE]).all()
        assert np.isnan(found.age_years).all()
        assert (found.sex, found.groups["unit"], found.sao2_percent) == (("unknown",), ("unknown",), None)


def test_files_of_one_hospital_may_differ_in_their_columns(tmp_path: Path) -> None:
    write_psv(tmp_path / "p1.psv", [{"HR": 70, "Unit1": 1, "Unit2": 0}])
    (tmp_path / "p2.psv").write_text(LINES)
    (tmp_path / "p3.psv").write_text(PSV_HEADER + "\n")
    found = read(tmp_path)
    assert (found.rows, found.groups["unit"]) == (2, ("medical", "unknown"))


def test_the_challenges_own_files_and_a_table_of_them_are_one_and_the_same(tmp_path: Path) -> None:
    write_sepsis_set(tmp_path / "training_setB", patients=4, hours=14)
    files = sorted((tmp_path / "training_setB").glob("*.psv"))
    names = PSV_HEADER.split("|")
    rows = [(file.stem, *map(float, line.split("|"))) for file in files for line in file.read_text().splitlines()[1:]]
    columns = dict(zip(("patient", *names), map(list, zip(*rows, strict=True)), strict=True))
    (tmp_path / "table").mkdir()
    parquet.write_table(pa.table(columns | {"set": ["B"] * len(rows)}), str(tmp_path / "table" / "set_b.parquet"))
    one, other = read(tmp_path / "training_setB"), read(tmp_path / "table")
    assert one.patients == tuple(f"B/{name}" for name in other.patients)
    assert one.site == other.site
    assert one.truth is not None
    assert other.truth is not None
    assert one.truth.positive.tolist() == other.truth.positive.tolist()
    for sign, values in one.signs.items():
        assert np.array_equal(values, other.signs[sign], equal_nan=True)


def test_one_number_at_two_hospitals_is_two_people(tmp_path: Path) -> None:
    table = {name: values * 2 for name, values in ROW.items()} | {"set": ["A", "B"]}
    parquet.write_table(pa.table(table), str(tmp_path / "both.parquet"))
    assert read(tmp_path).patients == ("A/p1", "B/p1")


def test_whatever_else_a_table_records_of_patients_is_a_grouping(tmp_path: Path) -> None:
    write_table(tmp_path / "set_b.parquet", device_model=["patch 2"], skin_tone=pa.array([None], pa.string()))
    assert read(tmp_path).groups == {"unit": ("unknown",), "device_model": ("patch 2",)}


def test_a_group_of_a_set_can_be_read_alone(tmp_path: Path) -> None:
    write_sepsis_set(tmp_path / "training_setB", patients=6, hours=14)
    whole, women = read(tmp_path / "training_setB"), read(tmp_path / "training_setB#sex=female")
    assert (women.name, women.patients) == ("sepsis2019#sex=female", whole.patients[::2])
    assert women.truth is not None
    assert (len(women.truth.positive), len(women.truth.onset_ms), women.first[-1]) == (42, 3, 42)
    first = slice(int(whole.first[2]), int(whole.first[3]))
    assert women.signs[Sign.HEART_RATE][14:28].tolist() == whole.signs[Sign.HEART_RATE][first].tolist()
    with pytest.raises(InvalidArgument, match=r"Nobody in sepsis2019 is of unit=medical; there are site=B, "):
        read(tmp_path / "training_setB#unit=medical")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p1.psv", LINES.replace("80", "eighty")),
        ("p1.psv", LINES + "80|2\n"),
        ("p1.psv", LINES.replace("|1|", "|NaN|")),
        ("p1.psv", LINES.replace("|1|", "|1e300|")),
        ("p1.psv", LINES.replace("|0\n", "|NaN\n")),
        ("p1.psv", LINES.replace("|0\n", "|2\n")),
        ("p1.psv", "HR|ICULOS|SepsisLabel\n"),
        ("p1.psv", ""),
        ("p1.psv", b"\xff\xfe\x00HR|ICULOS|SepsisLabel"),
        ("set_b.csv", "patient,HR,ICULOS,SepsisLabel\n,80,1,0\n"),
        ("set_b.csv", "patient,HR,ICULOS,SepsisLabel\np1,80,1,0\np1,81,1,0\n"),
        ("set_b.csv", "patient,HR,ICULOS,SepsisLabel\np1,eighty,1,0\n"),
        ("set_b.csv", "patient,HR,ICULOS,SepsisLabel\np1,80,1\n"),
        ("set_b.parquet", b"PAR1 and nothing more PAR1"),
        ("set_b.parquet", b""),
        ("notes.txt", "nothing"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | bytes
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run(["evaluate", str(tmp_path), "--no-reference", "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert str(tmp_path) in said.err or "Column HR" in said.err


def test_a_broken_file_among_good_ones_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sepsis_set(tmp_path / "training_setB", patients=2, hours=3)
    (tmp_path / "training_setB" / "q.psv").write_text("HR|ICULOS\n80|1\n")
    assert run(["evaluate", str(tmp_path / "training_setB"), "--no-reference"]) == 2
    assert "q.psv lacks the column SepsisLabel" in capsys.readouterr().err
    assert run(["evaluate", str(tmp_path / "nowhere"), "--after", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("There is no ")
