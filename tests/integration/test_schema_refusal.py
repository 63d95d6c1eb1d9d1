"""No service and no command works on a schema other than its own: each says so in one sentence, and what to do."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from runtime.lifecycle import EXIT_USAGE
from storage.migrate import upgrade_database, upgrade_to
from storage.session import Database
from tests.support.processes import ROOT

pytestmark = pytest.mark.integration

SERVICES = (["storage"], ["ingest"], ["stream"], ["stream", "trainer"], ["alerts"], ["dashboard"])
COMMANDS = (
    ["wardlight", "db", "check"],
    ["wardlight", "db", "rebuild"],
    ["wardlight", "db", "new-log", "--yes"],
    ["wardlight", "db", "trim"],
    ["wardlight", "backup", "b"],
)
UPGRADING = (["wardlight", "up"], ["wardlight", "db", "upgrade"], ["storage", "migrate"])
"""They bring an older schema up to date, and refuse a newer one all the same."""


def refusal(arguments: list[str], directory: Path) -> str:
    """What it says when it will not work; the test fails where it works, or breaks."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=directory,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "WARDLIGHT_DATABASE__URL": f"sqlite:///{directory / 'ward.db'}",
            "WARDLIGHT_LOG__DIRECTORY": str(directory),
            "WARDLIGHT_DASHBOARD__PORT": "0",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == EXIT_USAGE, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("arguments", [*SERVICES, *COMMANDS, *UPGRADING], ids=" ".join)
def test_a_newer_schema_is_refused(arguments: list[str], tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ward.db'}")
    upgrade_database(database)
    with database.transaction() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    assert "newer schema than this program: install the newer Wardlight" in refusal(arguments, tmp_path)


@pytest.mark.parametrize("arguments", [*SERVICES, *COMMANDS], ids=" ".join)
def test_an_older_schema_is_told_to_be_upgraded(arguments: list[str], tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ward.db'}")
    with database.transaction() as conn:
        upgrade_to(conn, "0001")
    database.close()
    assert "run `wardlight db upgrade`" in refusal(arguments, tmp_path)
