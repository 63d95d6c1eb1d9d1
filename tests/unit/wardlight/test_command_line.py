"""The command line as people and programs meet it: one sentence and an exit code for whatever is wrong."""

import socket
from pathlib import Path

import pytest

from runtime.version import VERSION
from wardlight.command_line import run


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["demo", "--beds", "0"],
        ["demo", "--beds", "many"],
        ["demo", "--for", "soon"],
        ["demo", "--speed", "max"],
        ["demo", "--port", "70000"],
        ["demo", "--sped", "2"],
        ["history"],
        ["history", "p1", "--sign", "mood"],
        ["history", "p1", "--from", "yesterday-ish"],
        ["history", "p1", "--from", "1h", "--to", "2h"],
        ["history", "p1", "--every", "0s"],
        ["history", "p1", "--format", "parquet"],
        ["history", "p1", "--format", "xml"],
        ["watch", "--priority", "dire"],
        ["alerts", "shout"],
        ["alerts", "list", "--limit", "0"],
        ["devices", "assign", "d1"],
        ["devices", "assign", "d1", "p1", "--from", "later"],
        ["patients", "add", "Ada"],
        ["rejected", "replay"],
        ["rejected", "replay", "r1", "--reason", "malformed"],
        ["simulate", "--config", "/nowhere/wardlight.toml"],
        ["simulate", "--rate", "often"],
        ["replay"],
        ["replay", "/nowhere/recording.csv"],
        ["replay", "/nowhere/recording.csv", "--speed", "0"],
        ["db", "upgrade", "--config", "/nowhere/wardlight.toml"],
        ["up", "--config", "/nowhere/wardlight.toml"],
    ],
)
def test_wrong_arguments_are_one_sentence_and_exit_code_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(arguments) == 2
    assert sentence(capsys).strip().endswith(".")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--nonsense"], "No such option: --nonsense. See wardlight --help."),
        (["users", "token", "own"], "Missing argument 'LOGIN'. See wardlight users token own --help."),
        (["users", "token", "nope"], "No such command 'nope'. See wardlight users token --help."),
    ],
)
def test_wrong_arguments_lead_to_the_help_of_their_own_command(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert run(arguments) == 2
    assert sentence(capsys) == f"{told}\n"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"wardlight {VERSION}\n"


def test_without_arguments_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capsys.readouterr()
    for name in ("demo", "up", "simulate", "replay", "history", "watch", "alerts", "score", "db", "bench"):
        assert name in captured.out + captured.err


def test_help_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--help"]) == 0
    assert "--beds" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["history", "p1"],
        ["watch"],
        ["alerts", "list"],
        ["alerts", "ack", "e1"],
        ["devices", "list"],
        ["patients", "list"],
        ["rejected", "list"],
    ],
)
def test_nobody_at_the_address_is_one_sentence_and_exit_code_one(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run([*arguments, "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    assert "No Wardlight answers" in sentence(capsys)


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1", "http://127.0.0.1:notaport"])
def test_an_address_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture[str], url: str) -> None:
    assert run(["devices", "list", "--url", url]) in {1, 2}
    sentence(capsys)


def test_db_check_says_what_to_do_where_there_is_no_database(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path_factory.mktemp("nothing") / "ward.db"
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", f"sqlite:///{file}")
    assert run(["db", "check"]) == 2
    assert "wardlight db upgrade" in sentence(capsys)
    assert run(["db", "upgrade"]) == 0
    capsys.readouterr()
    assert run(["db", "check"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [["db", "check"], ["db", "upgrade"], ["backup", "ward.backup"], ["users", "add", "kim", "--administrator"]],
)
def test_a_damaged_database_is_one_sentence_that_names_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WARDLIGHT_DATABASE__URL", "sqlite:///ward.db")
    (tmp_path / "ward.db").write_bytes(b"no database" * 1000)
    assert run(arguments) == 1
    assert "The database ward.db is damaged" in sentence(capsys)
