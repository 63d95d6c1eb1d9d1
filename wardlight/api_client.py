"""The REST client of the commands that ask or change a running system; they never open its files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import httpx
import typer

from vitals.errors import Conflict, InvalidArgument, NotFound, Unavailable, WardError

Json = Any
"""A parsed JSON document; its shape is the API's, checked where it is used."""

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 30.0

UrlOption = Annotated[
    str, typer.Option("--url", envvar="WARDLIGHT_URL", help="address of the dashboard of a running Wardlight")
]
JsonOption = Annotated[bool, typer.Option("--json", help="for programs")]


class ApiClient:
    """Speaks to one running Wardlight; every failure is one of our errors, in one sentence."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        try:
            self._http = httpx.Client(base_url=f"{self._url}/api/v1/", timeout=TIMEOUT_S, trust_env=False)
        except httpx.InvalidURL as error:
            raise InvalidArgument(f"{url!r} is not an address: write one such as {DEFAULT_URL}.") from error

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **parameters: object) -> Json:
        """The JSON at `path`; parameters that are None are left out."""
        return self._call("GET", path, parameters=parameters)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """What the system answers to an order."""
        return self._call("POST", path, body={key: value for key, value in body.items() if value is not None})

    def _call(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Json:
        given = {key: str(value) for key, value in (parameters or {}).items() if value is not None}
        try:
            answer = self._http.request(method, path, params=given, json=body)
        except (httpx.TransportError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise Unavailable(
                f"No Wardlight answers at {self._url}: start one (wardlight demo, or wardlight up), or name it with --url."
            ) from error
        if not answer.is_success:
            raise _error_of(answer)
        try:
            return answer.json()
        except ValueError as error:
            raise Unavailable(_stranger(answer)) from error


@contextmanager
def api(url: str) -> Iterator[ApiClient]:
    """A client for the length of one command."""
    client = ApiClient(url)
    try:
        yield client
    finally:
        client.close()


def _error_of(answer: httpx.Response) -> WardError:
    try:
        body = answer.json()
        message = str(body["message"])
    except (ValueError, KeyError, TypeError):
        message = _stranger(answer)
    match answer.status_code:
        case 404:
            return NotFound(message)
        case 409:
            return Conflict(message)
        case status if status < 500:
            return InvalidArgument(message)
        case _:
            return Unavailable(message)


def _stranger(answer: httpx.Response) -> str:
    return f"{answer.request.url} answered {answer.status_code}, which is not Wardlight's way: is it another service?"
