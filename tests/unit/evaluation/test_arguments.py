"""The programs of this room: `--help` helps, what is wrong is one line and exit code 2, an interrupt ends with 130."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation import nights, quality, unusual
from evaluation.arguments import ended

MAINS = {"nights": nights.main, "quality": quality.main, "unusual": unusual.main}


@pytest.mark.parametrize("main", MAINS.values(), ids=MAINS)
def test_help_is_printed(main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended_with:
        main(["--help"])
    assert ended_with.value.code == 0
    assert "DIRECTORY" in capsys.readouterr().out


@pytest.mark.parametrize("main", MAINS.values(), ids=MAINS)
def test_a_wrong_path_is_one_line_and_exit_code_2(
    main: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for path, says in (("nowhere", "there is no "), ("file", "is no directory"), ("", f"in {tmp_path}")):
        assert main([str(tmp_path / path)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert says in said.err


def test_files_that_are_cut_off_are_one_line_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in nights.FILES:
        (tmp_path / name).write_text("participant,onset_day0\n")
    (tmp_path / "bidmc").mkdir()
    (tmp_path / "bidmc" / "numerics.parquet").write_bytes(b"PAR1")
    for main in (nights.main, quality.main):
        assert main([str(tmp_path)]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert "cannot be read" in said.err


def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    assert ended(interrupted, []) == 130
    assert capsys.readouterr().err == ""
