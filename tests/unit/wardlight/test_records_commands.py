"""`wardlight audit` and `wardlight ledger`: what they print, and what their exit codes mean."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from storage.audit_chain import GENESIS, AuditAction, AuditEntry, Link, linked
from tests.support.scripted_api import Answer, Asked, scripted_api
from wardlight.command_line import run

COUNTS = (
    "published", "unknowable", "accepted", "duplicates", "rejected", "rejected_in_part", "stored", "copied", "assessed",
    "unassessed", "missing", "unstorable", "forgotten",
)  # fmt: skip


def line(device: str, **counts: int) -> dict[str, Any]:
    return {
        "device_id": device, "from_ms": 0, "rejected_by_reason": {}, **dict.fromkeys(COUNTS, 0), **counts
    }  # fmt: skip


def answer(missing: int) -> Answer:
    gap = {"device_id": "d1", "boot": "b1", "first": 3, "last": 4, "count": 2, "noticed_ms": 0, "cause": "new_boot"}
    lines = [line("d1", published=10, accepted=10 - missing, missing=missing), {**line("d2"), "published": None}]
    total = line("", published=10, accepted=10 - missing, missing=missing)
    return Answer(
        {"from_ms": 0, "to_ms": 1, "lines": lines, "total": total, "gaps": [gap] if missing else [], "waiting": 0}
    )


@pytest.mark.parametrize(("missing", "code"), [(0, 0), (2, 1)])
def test_the_ledger_ends_with_its_verdict(missing: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(lambda _: answer(missing)) as api:
        assert run(["ledger", "--from", "24h", "--device", "d1", "--url", api.url]) == code
    said = capsys.readouterr().out
    assert "unknowable" in said
    assert ("Missing: d1 boot b1, 3 to 4 (2): new boot" in said) == bool(missing)
    assert ("Balances." in said) == (not missing)
    assert api.asked[0].parameters["device"] == "d1"


def exported(file: Path, count: int = 5) -> list[Link]:
    """An export of a sound trail."""
    links: list[Link] = []
    for number in range(1, count + 1):
        entry = AuditEntry(at_ms=number, person_id="ada", name="Ada", action=AuditAction.SEE, detail={"n": number})
        links.append(linked(number, entry, links[-1].hash if links else GENESIS))
    rows = [
        {**link._asdict(), "detail": {}, "detail_text": link.detail, "hash": link.hash.hex()}
        for link in reversed(links)
    ]
    file.write_text("".join(msgspec.json.encode(row).decode() + "\n" for row in rows), encoding="utf-8")
    return links


def test_an_export_is_verified_without_any_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trail.jsonl"
    links = exported(file)
    anchor = f"wardlight-audit:3:{links[2].hash.hex()}:{'0' * 64}"
    assert run(["audit", "verify", "--file", str(file), "--anchor", anchor]) == 0
    assert "Sound: 5 entries, one unbroken chain, and the anchor holds." in capsys.readouterr().out
    file.write_text(file.read_text(encoding="utf-8").replace('"at_ms":2', '"at_ms":9'), encoding="utf-8")
    assert run(["audit", "verify", "--file", str(file)]) == 1
    assert "Broken at entry 2:" in capsys.readouterr().out


def test_what_is_no_export_or_no_anchor_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noise").write_text("noise\n", encoding="utf-8")
    assert run(["audit", "verify", "--file", str(tmp_path / "noise")]) == 2
    assert run(["audit", "verify", "--anchor", str(tmp_path / "noise")]) == 2
    assert run(["audit", "verify", "--anchor", str(tmp_path / "none")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_broken_trail_of_a_running_system_ends_with_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "sound": False,
        "entries": 4,
        "last_hash": "",
        "broken": {"number": 5, "why": "Edited."},
        "anchored": False,
    }
    with scripted_api(lambda _: Answer(found)) as api:
        assert run(["audit", "verify", "--url", api.url]) == 1
    assert "Broken at entry 5: Edited." in capsys.readouterr().out


def test_the_whole_trail_is_exported_page_by_page(capsys: pytest.CaptureFixture[str]) -> None:
    def script(asked: Asked) -> Answer:
        before = int(asked.parameters.get("before", 4))
        return Answer({"entries": [{"number": before - 1}], "next": before - 1 if before > 2 else None})

    with scripted_api(script) as api:
        assert run(["audit", "export", "--url", api.url]) == 0
    assert capsys.readouterr().out == '{"number":3}\n{"number":2}\n{"number":1}\n'
