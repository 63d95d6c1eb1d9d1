"""`wardlight users` against a real dashboard: the first administrator by one command, everybody else through the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import run, wardlight
from tests.support.processes import ServiceProcess, running_services
from tests.support.whole_path import free_port

pytestmark = [pytest.mark.integration]
Box = tuple[dict[str, str], ServiceProcess]
OWN = "my own long words"
ATTEMPTS_MAX = 60
SHOWS_ONLY = "This token only shows: changing something takes a token with a permission to.\n"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A dashboard that asks who is there, over an empty ward."""
    port = free_port()
    environment = {
        "WARDLIGHT_LOG__DIRECTORY": str(tmp_path),
        "WARDLIGHT_DATABASE__URL": f"sqlite:///{tmp_path / 'ward.db'}",
        "WARDLIGHT_DASHBOARD__PORT": str(port),
        "WARDLIGHT_URL": f"http://127.0.0.1:{port}",
        "WARDLIGHT_PEOPLE__ARGON2_MEMORY_KIB": "1024",
    }
    assert run(environment, "db", "upgrade").returncode == 0
    with running_services({"dashboard": ("dashboard",)}, environment, tmp_path) as services:
        yield environment, services["dashboard"]


def await_dashboard(environment: dict[str, str], service: ServiceProcess) -> None:
    for _ in range(ATTEMPTS_MAX):
        service.require_alive()
        if "Sign in first" in run(environment, "patients", "list").stderr:
            return
    pytest.fail(f"No answer:\n{service.last_words()}")


def own_token(environment: dict[str, str], login: str, password: str, *scopes: str, new: str | None = None) -> str:
    """The secret of a token that somebody makes for themselves."""
    given = {**environment, "WARDLIGHT_PASSWORD": password}
    if new is not None:
        given["WARDLIGHT_NEW_PASSWORD"] = new
    options = [option for scope in scopes for option in ("--scope", scope)]
    made = wardlight(given, "users", "token", "own", login, "laptop", *options, "--json")
    return str(made["secret"])


def test_from_the_first_administrator_to_a_token_that_may_one_thing(box: Box) -> None:
    environment, service = box
    await_dashboard(environment, service)
    first = wardlight(environment, "users", "add", "Ada", "--administrator", "--json")
    token = own_token(environment, "ada", first["one_time_password"], "manage_people", new=OWN)
    root = {**environment, "WARDLIGHT_TOKEN": token}

    again = run(environment, "users", "add", "bo", "--administrator")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "There is an administrator already" in again.stderr
    recovered = wardlight(environment, "users", "add", "ada", "--administrator", "--recover", "--json")
    other = "other long words"
    assert run(root, "users", "list").returncode == 1
    root["WARDLIGHT_TOKEN"] = own_token(environment, "ada", recovered["one_time_password"], "manage_people", new=other)

    kim = wardlight(root, "users", "add", "kim", "--name", "Kim Lee", "--role", "nurse", "--ward", "ward-3", "--json")
    assert wardlight(root, "users", "grant", "kim", "physician", "--every-ward", "--json")["grants"] == [
        {"role": "nurse", "ward": "ward-3", "source": "house"},
        {"role": "physician", "ward": None, "source": "house"},
    ]
    assert len(wardlight(root, "users", "revoke", "kim", "physician", "--every-ward", "--json")["grants"]) == 1
    assert wardlight(root, "users", "disable", "kim", "--json")["disabled_at_ms"] is not None
    assert wardlight(root, "users", "enable", "kim", "--json")["disabled_at_ms"] is None
    reset = wardlight(root, "users", "password", "kim", "--json")["one_time_password"]
    assert reset != kim["one_time_password"]
    assert own_token(environment, "kim", reset, "see_ward", new=OWN)
    listed = run(root, "users", "list").stdout
    assert "Kim Lee" in listed
    assert "nurse on ward-3" in listed
    assert "Say where" in run(root, "users", "grant", "kim", "nurse").stderr
    assert "Nobody signs in as max" in run(root, "users", "disable", "max").stderr

    made: dict[str, Any] = wardlight(
        {**environment, "WARDLIGHT_PASSWORD": other},
        *("users", "token", "add", "kim", "ward screen", "--by", "ada", "--scope", "see_ward", "--days", "1", "--json"),
    )
    shown = str(made["secret"])
    assert wardlight(environment, "patients", "list", "--token", shown, "--json") == []
    refused = run(environment, "patients", "add", "Ada", "--ward", "ward-3", "--token", shown)
    assert (refused.returncode, refused.stderr) == (1, SHOWS_ONLY)
    row, _ = wardlight(root, "users", "token", "list", "kim", "--json")
    assert row["name"] == "ward screen"
    wardlight(root, "users", "token", "revoke", "kim", row["token_id"], "--json")
    dead = run(environment, "patients", "list", "--token", shown)
    assert dead.returncode == 1
    assert "Give a token with --token or WARDLIGHT_TOKEN." in dead.stderr
    assert run(environment, "patients", "list", "--token", "wl_é").stderr.count("\n") == 1
