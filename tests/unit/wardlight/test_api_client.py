"""The REST client: every failure is one of our errors, in one sentence."""

from collections.abc import Iterator

import pytest

from tests.support.scripted_api import Answer, Asked, ScriptedApi, scripted_api
from vitals.errors import Conflict, InvalidArgument, NotFound, Unavailable, WardError
from wardlight.api_client import api
from wardlight.command_line import run


def by_path(asked: Asked) -> Answer:
    name = asked.path.rsplit("/", 1)[-1]
    match name:
        case "page":
            return Answer("<html>another service</html>")
        case "moved":
            return Answer("", status=302)
        case "teapot":
            return Answer("short and stout", status=418)
        case _ if name.isdecimal():
            return Answer({"code": "some", "message": f"Says {name}."}, status=int(name))
        case _:
            return Answer([])


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedApi]:
    with scripted_api(by_path) as running:
        yield running


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFound), (409, Conflict), (400, InvalidArgument), (422, InvalidArgument), (500, Unavailable), (503, Unavailable)],
)  # fmt: skip
def test_a_refusal_is_told_in_the_servers_own_sentence(server: ScriptedApi, status: int, kind: type[WardError]) -> None:
    with api(server.url) as client, pytest.raises(kind, match=f"^Says {status}\\.$"):
        client.get(str(status))


@pytest.mark.parametrize("path", ["page", "moved", "teapot"])
def test_another_service_at_the_address_is_recognised(server: ScriptedApi, path: str) -> None:
    with api(server.url) as client, pytest.raises(WardError, match="is it another service"):
        client.get(path)


def test_absent_parameters_and_fields_are_left_out(server: ScriptedApi) -> None:
    with api(f"{server.url}/") as client:
        client.get("patients", ward=None, limit=5)
        assert server.asked[-1].parameters == {"limit": "5"}
        client.post("patients", {"name": "Ada", "bed": None})
        assert server.asked[-1].body == {"name": "Ada"}


def test_a_command_at_another_service_fails_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_api(lambda _: Answer("<html>")) as other:
        assert run(["patients", "list", "--url", other.url]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "is it another service" in captured.err
