"""Loaders on tiny files in the publishers' formats: found by content, absent is NaN, and what is none is said in one sentence."""

import gzip
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from evaluation import datasets
from evaluation.datasets import find_set
from evaluation.labelled import Recorded
from tests.support.recorded_sets import write_psv, write_sepsis_set
from vitals.errors import InvalidArgument
from vitals.sign import Sign


def unseen(done: int, total: int) -> None:
    """Progress that nobody looks at."""
    assert 0 <= done <= total


def read(path: Path, kind: str) -> Recorded:
    found = find_set(path)
    assert found.kind == kind
    return found.read(unseen)


def test_the_challenges_own_files_are_a_set_whose_site_is_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "training_setB"
    septic = [{"HR": 80 + hour, "SepsisLabel": int(hour >= 4), "SaO2": 97} for hour in range(8)]
    write_psv(folder / "p1.psv", septic)
    write_psv(folder / "p2.psv", [{"Temp": 37.2, "Gender": 0, "Age": 44, "Unit2": 1}, {}, {"HR": 900, "O2Sat": 95}])
    found = read(folder, "sepsis2019")
    assert found.truth is not None
    assert (found.rows, found.patients, set(found.site)) == (11, ("B/p1", "B/p2"), {"B"})
    assert found.truth.positive.tolist() == [False] * 4 + [True] * 4 + [False] * 3
    assert found.truth.onset_ms[0] == 10 * 3_600_000, "six hours after the label's first 1"
    assert np.isnan(found.truth.onset_ms[1])
    assert found.signs[Sign.HEART_RATE][:2].tolist() == [80, 81]
    assert np.isnan(found.signs[Sign.HEART_RATE][8:]).all()
    assert found.refused == 1
    assert found.sao2_percent is not None
    assert (found.sex, found.groups["unit"]) == (("male", "female"), ("unknown", "surgical"))
    assert read(folder / "p2.psv", "sepsis2019").rows == 3


def test_both_hospitals_in_one_folder_are_two_sites(tmp_path: Path) -> None:
    for name in ("training_setA", "training_setB"):
        write_sepsis_set(tmp_path / name, patients=2, hours=3)
    assert read(tmp_path, "sepsis2019").site == ("A", "A", "B", "B")


def test_a_table_is_put_in_order_and_its_set_is_the_site(tmp_path: Path) -> None:
    names = ["HR", "Resp", "O2Sat", "MAP", "SBP"]
    table = {name: [None, 70.0, 60.0] for name in names} | {"Temp": [None, 37.0, 36.0], "DBP": [None, 80.0, 40.0]}
    rows = {
        "patient": ["b", "a", "a"],
        "ICULOS": [1, 2, 1],
        "Age": [50.0] * 3,
        "Gender": [1] * 3,
        "SepsisLabel": [0] * 3,
    }
    parquet.write_table(pa.table(table | rows | {"set": ["A"] * 3}), str(tmp_path / "all.parquet"))
    found = read(tmp_path, "sepsis2019")
    assert found.patients == ("a", "b")
    assert found.signs[Sign.HEART_RATE][:2].tolist() == [60, 70]
    assert found.refused == 2, "one of two pressures that cross must be wrong"
    assert found.site == ("A", "A")


def test_tables_of_two_hospitals_are_one_set_whose_patients_keep_apart(tmp_path: Path) -> None:
    names = ["HR", "O2Sat", "Temp", "SBP", "MAP", "DBP", "Resp", "Age", "Gender", "ICULOS", "SepsisLabel"]
    for hospital in ("a", "b"):
        table = pa.table({"patient": ["p1"], **{name: [1.0] for name in names}})
        parquet.write_table(table, str(tmp_path / f"set_{hospital}.parquet"))
    found = read(tmp_path, "sepsis2019")
    assert (found.patients, found.site) == (("A/p1", "B/p1"), ("A", "B"))


def test_the_challenge_of_2012_takes_the_cuff_where_there_is_no_line(tmp_path: Path) -> None:
    values = [
        (1, 0, "Age", 70.0),
        (1, 0, "Gender", 1.0),
        (1, 0, "ICUType", 3.0),
        (1, 5, "HR", 88.0),
        (1, 5, "NISysABP", 110.0),
        (1, 65, "SysABP", 120.0),
        (1, 65, "NISysABP", 99.0),
        (2, 5, "HR", 0.0),
        (2, 6, "Temp", -17.8),
        (2, 7, "HR", 71.0),
    ]
    columns = [list(column) for column in zip(*values, strict=True)]
    names = ["record_id", "minute", "parameter", "value"]
    parquet.write_table(pa.table(dict(zip(names, columns, strict=True))), str(tmp_path / "set.parquet"))
    (tmp_path / "outcomes.csv").write_text("RecordID,In-hospital_death\n1,1\n2,0\n")
    found = read(tmp_path, "icu2012")
    assert found.truth is not None
    assert found.signs[Sign.SYSTOLIC][:2].tolist() == [110, 120]
    assert found.truth.positive.tolist() == [True, True, False, False, False]
    assert found.refused == 2
    assert (found.age_years[0], found.sex, found.groups["unit"]) == (70, ("male", "unknown"), ("medical", "unknown"))


def test_mimic_deaths_have_their_moment_and_the_oldest_an_age(tmp_path: Path) -> None:
    files = {
        "vitals_long.csv": "subject_id,icustay_id,charttime,vital,valuenum\n"
        "7,70,2100-01-01 00:00:00,hr,80\n7,70,2100-01-01 12:00:00,hr,90\n7,70,2100-01-02 08:00:00,sbp,11647\n",
        "admissions.csv": "hadm_id,subject_id,deathtime,ethnicity\n77,7,2100-01-02 10:00:00,WHITE\n",
        "icustays.csv": "icustay_id,hadm_id,subject_id,first_careunit\n70,77,7,MICU\n",
        "patients.csv": "subject_id,gender,dob\n7,F,1800-01-01 00:00:00\n",
    }
    for name, text in files.items():
        with gzip.open(tmp_path / f"{name}.gz", "wt") as file:
            file.write(text)
    found = read(tmp_path, "mimic3_demo")
    assert found.truth is not None
    assert found.truth.onset_ms.tolist() == [34 * 3_600_000]
    assert found.truth.positive.tolist() == [False, True, True]
    assert (found.age_years[0], found.sex[0]) == (91.4, "female")
    assert (found.groups["ethnicity"], found.groups["unit"], found.refused) == (("white",), ("micu",), 1)
    (tmp_path / "patients.csv.gz").unlink()
    with pytest.raises(InvalidArgument, match="lacks the register patients"):
        read(tmp_path, "mimic3_demo")


def test_monitors_have_no_outcome_and_a_zero_was_no_value(tmp_path: Path) -> None:
    (tmp_path / "s1.csv").write_text("minute,HR,RESP,SpO2,ABPSys,NBPSys\n0,0,20,96,0,118\n1,80,0,97,121,\n")
    found = read(tmp_path, "mimic2_minute")
    assert found.truth is None
    assert np.isnan(found.signs[Sign.HEART_RATE][0])
    assert found.signs[Sign.SYSTOLIC].tolist() == [118, 121]


def test_bidmc_and_exams_are_known_by_their_columns(tmp_path: Path) -> None:
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    parquet.write_table(
        pa.table({"record": ["r"], "Time [s]": [0], "HR": [70.0], "RESP": [15.0], "SpO2": [97.0]}), str(one)
    )
    exam = {
        "student": ["s"],
        "session": ["Final"],
        "unix_s": [5.0],
        "heart_rate_bpm": [99.0],
        "skin_temperature_c": [30.0],
    }
    parquet.write_table(pa.table(exam), str(other))
    assert read(one, "bidmc").signs[Sign.SPO2].tolist() == [97]
    assert read(other, "exam_e4").patients == ("s-Final",)


def test_the_numerics_are_read_as_published_too_a_file_a_patient(tmp_path: Path) -> None:
    head = "Time [s], HR, PULSE, RESP, SpO2"
    (tmp_path / "bidmc_01_Numerics.csv").write_text(f"{head}\n0, 94, 93, 25, 97\n1, 95, 93, NaN, 97\n")
    (tmp_path / "bidmc_02_Numerics.csv").write_text(f"{head}\n0, NaN, NaN, NaN, NaN\n1, 70, 70, 12, 99\n")
    found = read(tmp_path, "bidmc")
    assert found.patients == ("bidmc_01", "bidmc_02")
    assert found.signs[Sign.HEART_RATE].tolist()[:2] == [94, 95]
    assert found.signs[Sign.RESPIRATORY_RATE][[0, 3]].tolist() == [25, 12]
    assert np.isnan(found.signs[Sign.RESPIRATORY_RATE][1:3]).all()
    (tmp_path / "bidmc_02_Numerics.csv").write_text("Time [s], HR\n0, 94\n")
    with pytest.raises(InvalidArgument, match=r"02_Numerics.csv lacks the column RESP"):
        read(tmp_path, "bidmc")


def test_the_challenge_of_2012_is_read_as_published_too(tmp_path: Path) -> None:
    stay = "Time,Parameter,Value\n00:00,RecordID,{0}\n00:00,Age,54\n00:00,Gender,0\n00:00,ICUType,4\n00:07,HR,73\n37:15,HR,{1}\n"
    for place, number in (("set-a", 132539), ("set-b", 142673)):
        (tmp_path / place).mkdir()
        (tmp_path / place / f"{number}.txt").write_text(stay.format(number, 80 if place == "set-a" else -1))
        outcomes = f"RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n{number},6,1,5,-1,{int(place == 'set-b')}\n"
        (tmp_path / f"Outcomes-{place[-1]}.txt").write_text(outcomes)
    found = read(tmp_path, "icu2012")
    assert found.patients == ("132539", "142673")
    assert found.at_ms.tolist() == [0, 2_228 * 60_000] * 2
    assert found.signs[Sign.HEART_RATE][:3].tolist() == [73, 80, 73]
    assert (found.refused, found.sex[0], found.groups["unit"][0], found.age_years[0]) == (1, "female", "surgical", 54)
    assert found.truth is not None
    assert found.truth.positive.tolist() == [False, False, True, True]
    assert read(tmp_path / "set-a", "icu2012").patients == ("132539",)
    (tmp_path / "set-a" / "132539.txt").write_text("Time,Parameter,Value\n00:07,HR,quick\n")
    with pytest.raises(InvalidArgument, match=r"132539.txt holds something that is no value in row 2"):
        read(tmp_path, "icu2012")


def test_beats_become_heart_rates_of_ten_seconds_and_bad_ones_say_nothing(tmp_path: Path) -> None:
    seconds = [0.5 * beat for beat in range(40)]
    table = {
        "case_id": [1] * 40,
        "time_second": seconds,
        "rhythm_label": ["N" if second < 10 else "AFIB/AFL" for second in seconds],
        "bad_signal_quality": [second >= 18 for second in seconds],
    }
    parquet.write_table(pa.table(table), str(tmp_path / "beats.parquet"))
    found = read(tmp_path, "rhythm")
    assert found.truth is not None
    assert found.signs[Sign.HEART_RATE].tolist() == [120, 120]
    assert found.truth.positive.tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.psv", "HR|O2Sat\n70|98\n", r"x.psv lacks the columns ICULOS and SepsisLabel of"),
        ("x.psv", "ICULOS|SepsisLabel\n1|0\n", r"x.psv has none of the vital signs HR, O2Sat"),
        ("x.psv", "HR|O2Sat|ICULOS\n70|98|1\n", r"x.psv lacks the column SepsisLabel of"),
        ("x.csv", "patient,HR,ICULOS\np1,70,1\n", r"x.csv lacks the column SepsisLabel of"),
        ("x.csv", "HR,ICULOS,SepsisLabel\n70,1,0\n", r"x.csv lacks a column that says whose row it is: patient, "),
        ("x.csv", "", r"no recording set that is known here; in it .*x.csv is empty \(0 bytes\): fetch it anew"),
        ("x.csv", "a,b\n1,2\n", "no recording set that is known"),
        ("x.parquet", "not parquet at all", r"in it .*x.parquet is broken or cut off: .*; fetch it anew, or move it"),
        ("x.parquet", "", r"x.parquet is empty \(0 bytes\)"),
        ("p1.psv", None, "cannot be read"),
    ],
)
def test_what_is_no_set_is_said_in_one_sentence(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    file = tmp_path / name
    if content is None:
        write_psv(file, [{"HR": 70}])
        file.write_text(file.read_text().replace("70", "seventy"))
    else:
        file.write_text(content)
    with pytest.raises(InvalidArgument, match=says):
        find_set(tmp_path).read(unseen)


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"There is no .*nowhere"):
        find_set(tmp_path / "nowhere")


def sepsis_table(file: Path) -> None:
    names = ["HR", "O2Sat", "Temp", "SBP", "MAP", "DBP", "Resp", "Age", "Gender", "ICULOS", "SepsisLabel"]
    parquet.write_table(pa.table({"patient": ["p1"], **{name: [1.0] for name in names}}), str(file))


@pytest.mark.parametrize("kept", [0.5, 0.0])
def test_half_of_a_table_is_called_broken_alone_and_beside_good_ones(tmp_path: Path, kept: float) -> None:
    says = "is broken or cut off: " if kept else r"is empty \(0 bytes\)"
    half = tmp_path / "set_a.parquet"
    sepsis_table(half)
    half.write_bytes(half.read_bytes()[: int(kept * half.stat().st_size)])
    with pytest.raises(InvalidArgument, match=rf"^{half} {says}"):
        find_set(half)
    sepsis_table(tmp_path / "set_b.parquet")
    with pytest.raises(InvalidArgument, match=rf"^{half} {says}"):
        find_set(tmp_path).read(unseen)


def test_half_of_a_gzipped_table_is_called_broken(tmp_path: Path) -> None:
    lines = "".join(f"p{number},{number * 7919 % 100},1,0\n" for number in range(5000))
    whole = gzip.compress(f"patient,HR,ICULOS,SepsisLabel\n{lines}".encode())
    file = tmp_path / "set_a.csv.gz"
    for length, says in (
        (len(whole) // 2, r"set_a.csv.gz cannot be read: "),
        (5, r"set_a.csv.gz is broken or cut off: "),
    ):
        file.write_bytes(whole[:length])
        with pytest.raises(InvalidArgument, match=says):
            find_set(file).read(unseen)


def test_an_empty_file_among_patients_is_named_with_what_to_do(tmp_path: Path) -> None:
    write_sepsis_set(tmp_path, patients=2, hours=3)
    (tmp_path / "p9.psv").touch()
    with pytest.raises(
        InvalidArgument, match=r"p9.psv is empty \(0 bytes\): fetch it anew, or move it out of the folder to"
    ):
        find_set(tmp_path).read(unseen)


def test_an_empty_file_before_all_patients_is_named_too(tmp_path: Path) -> None:
    write_sepsis_set(tmp_path, patients=2, hours=3)
    (tmp_path / "a.psv").touch()
    with pytest.raises(InvalidArgument, match=r"^\S*a.psv is empty"):
        find_set(tmp_path)


def test_a_patient_without_rows_is_passed_over_and_counted(tmp_path: Path) -> None:
    write_sepsis_set(tmp_path, patients=2, hours=3)
    write_psv(tmp_path / "p9.psv", [])
    found = read(tmp_path, "sepsis2019")
    assert (len(found.patients), found.rows, found.without_rows) == (2, 6, 1)


def test_nothing_is_looked_for_deeper_than_a_set_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sepsis_set(tmp_path / "one" / "two" / "three", patients=1, hours=2)
    write_sepsis_set(tmp_path / ".hidden", patients=1, hours=2)
    with pytest.raises(InvalidArgument, match="no recording set that is known"):
        find_set(tmp_path)
    assert find_set(tmp_path / "one").kind == "sepsis2019"
    looked: list[str] = []
    scandir = os.scandir

    def noted(place: str) -> object:
        looked.append(place)
        return scandir(place)

    monkeypatch.setattr("os.scandir", noted)
    with pytest.raises(InvalidArgument, match="no recording set that is known"):
        find_set(tmp_path)
    assert str(tmp_path / "one" / "two") in looked, "the challenge's archive is as deep"
    assert str(tmp_path / "one" / "two" / "three") not in looked


def test_a_folder_with_more_in_it_than_any_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        (tmp_path / f"folder{number}").mkdir()
        (tmp_path / f"file{number}.csv").write_text("a,b\n1,2\n")
    monkeypatch.setattr(datasets, "FOLDERS_LOOKED_AT_MAX", 3)
    with pytest.raises(
        InvalidArgument, match=r"holds more than 3 folders or 250,000 files, more than any recording set: give"
    ):
        find_set(tmp_path)
    monkeypatch.setattr(datasets, "FILES_LOOKED_AT_MAX", 3)
    with pytest.raises(InvalidArgument, match="more than 3 folders or 3 files"):
        find_set(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(datasets, "TABLES_MAX", 3)
    with pytest.raises(InvalidArgument, match=r"holds 4 tables; a set is looked for among 3 at most"):
        find_set(tmp_path)
