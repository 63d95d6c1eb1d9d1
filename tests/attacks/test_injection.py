"""Words that would be more than words elsewhere: in SQL, a page, a spreadsheet, a log, a terminal, a letter, a chat."""

import csv
import io
import json
import logging
from collections.abc import Iterator, Sequence

import pytest
import structlog

from alerts.channels.chats import slack_message, teams_message
from alerts.channels.texts import Said
from dashboard.permissions import Role
from runtime.clock import SystemClock
from runtime.logs import set_up_logging
from runtime.settings import TelemetrySettings
from runtime.spreadsheet import as_cell
from runtime.terminal import harmless, harmless_json, harmless_line
from tests.support.channel_scene import notification
from tests.support.people_scene import OWN, people_scene
from tests.support.scripted_api import Answer, scripted_api
from wardlight.command_line import run
from wardlight.printing import print_json, print_table, table

SQL = [
    "Robert'); DROP TABLE patients;--",
    "' OR '1'='1",
    "a\\'; --",
    '"; SELECT 1; --',
    "%",
    "_",
    "Ada' UNION SELECT value FROM instance --",
]
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{7*7}}",
    "javascript:alert(1)",
    "</title><svg onload=alert(1)>",
]
CONTROL = ["Ada\x1b[2J", "Ada\r\n2026-01-01 [info] all well", "Ada\x9b2J", "Ada\u202egpj.exe", "Ada\0", "Ada\x7f"]
TERMINAL = "x\x1b]0;owned\x07\x1b[31m\x9b2J\r\nforged \u202e"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "=cmd|' /C calc'!A0", "\r=1", "\n=1", "\uff1d1+1"]


def obeyed(text: str) -> bool:
    """Whether a terminal would obey some of it, or a reader see its lines in another order."""
    return harmless(text) != text


@pytest.mark.asyncio
async def test_sql_and_markup_in_a_patients_name_are_a_name() -> None:
    async with people_scene() as scene:
        scene.furnish()
        headers = await scene.session(await scene.add("kim", (Role.ADMINISTRATOR, None), (Role.WARD_MANAGER, OWN)))
        for number, name in enumerate([*SQL, *MARKUP]):
            body = {"ward_id": OWN, "bed": f"x{number}", "name": name}
            made = await scene.client.post("patients", json=body, headers=headers)
            assert made.status_code == 201, made.text
            assert made.json()["name"] == name.strip()
            assert made.headers["content-type"] == "application/json"
            assert made.headers["x-content-type-options"] == "nosniff"
        listed = await scene.client.get("patients", params={"ward": OWN}, headers=headers)
        assert {row["name"] for row in listed.json()} >= {*SQL, *MARKUP}
        page = await scene.client.get("http://127.0.0.1:8080/", headers=headers)
        assert "alert(1)" not in page.text
        assert "'unsafe" not in page.headers["content-security-policy"]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CONTROL)
async def test_a_name_with_control_characters_is_refused(name: str) -> None:
    async with people_scene() as scene:
        headers = await scene.session(await scene.add("kim", (Role.WARD_MANAGER, OWN)))
        made = await scene.client.post("patients", json={"ward_id": OWN, "bed": "1", "name": name}, headers=headers)
        assert made.status_code == 422
        assert "control characters" in made.json()["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path", ["patients/{}", "patients/{}/history", "alerts/{}", "alerts?ward={}", "patients?ward={}"]
)
async def test_sql_in_an_id_finds_nothing_and_breaks_nothing(path: str) -> None:
    async with people_scene() as scene:
        scene.furnish()
        headers = await scene.session(await scene.add("kim", *((role, None) for role in Role)))
        for sql in SQL:
            answer = await scene.client.get(path.format(sql.replace("%", "%25")), headers=headers)
            assert answer.status_code in {200, 404, 422}, (sql, answer.text)
            assert answer.status_code != 200 or answer.json() == []
        with scene.ward.database.snapshot() as conn:
            assert conn.exec_driver_sql("SELECT COUNT(*) FROM patients").scalar_one() == 2


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    sheet = io.StringIO()
    csv.writer(sheet).writerow([as_cell(text)])
    assert next(csv.reader(io.StringIO(sheet.getvalue(), newline="")))[0].startswith("'")


def test_a_cell_of_plain_words_stays() -> None:
    assert [as_cell(value) for value in ("SpO2 low", "", None, -1.5, 3)] == ["SpO2 low", "", None, -1.5, 3]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Logging as a process sets it up, seen by the test, and undone."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield capsys
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["console", "json"])
def test_nobody_forges_a_line_of_the_log(shown: pytest.CaptureFixture[str], form: str) -> None:
    set_up_logging(TelemetrySettings.model_validate({"log_format": form}), clock=SystemClock())
    log = structlog.get_logger()
    log.warning("refused", device=TERMINAL, bare="a\x1b[2J")
    log.warning(TERMINAL)
    logging.getLogger("amqtt").warning("client %s", TERMINAL)
    try:
        int(TERMINAL)
    except ValueError:
        log.exception("broke")
    said = shown.readouterr().err
    assert not obeyed(said)
    assert not [line for line in said.splitlines() if line.startswith("forged")]
    if form == "json":
        assert all(json.loads(line)["level"] for line in said.splitlines())


def test_no_name_calls_a_channel_or_makes_a_link_in_a_chat() -> None:
    said = Said(
        "<!channel> [x](https://evil.example)", ("<https://evil.example|Open>", "a & b"), is_page=True, priority=None
    )
    slack = json.dumps(slack_message(said, notification()))
    assert "<!channel>" not in slack
    assert "<https://evil.example" not in slack
    card = teams_message(said, notification())["attachments"][0]["content"]
    assert {part["type"] for part in card["body"]} == {"RichTextBlock"}
    assert "evil.example" not in json.dumps(card["actions"])


def test_what_commands_print_moves_no_terminal() -> None:
    stream = io.StringIO()
    print_table(table(("name",), [[TERMINAL]]), stream=stream)
    print_json({"name": TERMINAL}, stream=stream)
    assert not obeyed(stream.getvalue())
    assert json.loads(stream.getvalue().splitlines()[-1]) == {"name": TERMINAL}


@pytest.mark.parametrize(
    "arguments", [["patients", "list"], ["alerts", "list"], ["rejected", "list"], ["devices", "list"], ["status"]]
)
def test_an_answer_that_would_move_the_terminal_is_shown_as_text(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted_api(lambda _: Answer({"code": "x", "message": TERMINAL}, status=422)) as server:
        assert run([*arguments, "--url", server.url]) != 0
    captured = capsys.readouterr()
    assert not obeyed(captured.out + captured.err)
    assert "\\u001b" in captured.err


def test_an_argument_that_would_move_the_terminal_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", f"{TERMINAL}=1"]) != 0
    assert run([TERMINAL]) != 0
    assert not obeyed(capsys.readouterr().err)


def test_harmless_keeps_what_is() -> None:
    plain = "Zoë 张伟 'x' \"y\"\n\tλ 😀"
    assert harmless(plain) == plain
    assert harmless_line("a\nb") == "a\\u000ab"
    assert harmless_json({"a\x1b": ["\x1b", 1, None, {"b": "\r\n"}]}) == {"a\\u001b": ["\\u001b", 1, None, {"b": "\n"}]}
