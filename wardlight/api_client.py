"""The REST client of the commands that ask or change a running system; they never open its files."""

import functools
import inspect
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, Self

import httpx
import typer

from runtime.terminal import harmless, harmless_json
from vitals.errors import (
    Conflict,
    Forbidden,
    InvalidArgument,
    NotFound,
    SignInNeeded,
    TooManyAttempts,
    Unavailable,
    WardError,
)

Json = Any
"""A parsed JSON document; its shape is the API's, checked where it is used."""

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 30.0

UrlOption = Annotated[
    str, typer.Option("--url", envvar="WARDLIGHT_URL", help="address of the dashboard of a running Wardlight")
]
JsonOption = Annotated[bool, typer.Option("--json", help="for programs")]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="WARDLIGHT_TOKEN", help="API token (wl_…), where the dashboard asks for sign-in"),
]

_KINDS: Mapping[int, type[WardError]] = {
    401: SignInNeeded,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: TooManyAttempts,
}
_token: ContextVar[str | None] = ContextVar("wardlight_token", default=None)
"""What the command in hand was given as `--token`."""


def give_tokens(app: typer.Typer) -> None:
    """Every command that asks a running system, which is every one with a parameter `url`, takes `--token` as well."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _with_token(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            give_tokens(group.typer_instance)


def _with_token(callback: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(callback)
    if "url" not in signature.parameters or "token" in signature.parameters:
        return callback

    @functools.wraps(callback)
    def asking(*args: object, token: str | None = None, **kwargs: object) -> object:
        before = _token.set(token)
        try:
            return callback(*args, **kwargs)
        finally:
            _token.reset(before)

    added = inspect.Parameter("token", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=TokenOption)
    parameters = [*signature.parameters.values(), added]
    asking.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    asking.__annotations__ = {**callback.__annotations__, "token": TokenOption}
    return asking


@functools.cache
def _trust() -> ssl.SSLContext:
    """Reading the certificates of the world takes longer than most questions: once a process."""
    return httpx.create_ssl_context(trust_env=False)


class ApiClient:
    """Speaks to one running Wardlight; every failure is one of our errors, in one sentence.

    Texts come without what a terminal would obey (`runtime.terminal.harmless`), whatever prints them.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        try:
            headers = {} if token is None else {"authorization": f"Bearer {token}"}
            self._http = httpx.Client(
                base_url=f"{self._url}/api/v1/", timeout=TIMEOUT_S, trust_env=False, headers=headers, verify=_trust()
            )
        except UnicodeEncodeError as error:
            raise InvalidArgument(
                "That is not a token of Wardlight: one begins with wl_ and is plain letters."
            ) from error
        except httpx.InvalidURL as error:
            raise InvalidArgument(f"{url!r} is not an address: write one such as {DEFAULT_URL}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sign_in(self, login: str, password: str) -> bool:
        """Ask in this person's session from now on; True where the password is a one-time one, to be changed first."""
        answer = self.post("sign-in", {"login": login, "password": password})
        self.take_csrf()
        return bool(answer["must_change_password"])

    def take_csrf(self) -> None:
        """Carry the session's own token with every change from now on."""
        self._http.headers["x-wardlight-csrf"] = self.get("me")["csrf"] or ""

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **parameters: object) -> Json:
        """The JSON at `path`; parameters that are None are left out."""
        return self._call("GET", path, parameters=parameters)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """What the system answers to an order."""
        return self.send(path, {key: value for key, value in body.items() if value is not None})

    def send(self, path: str, body: Mapping[str, object]) -> Json:
        """As `post`, with what is None said to be so."""
        return self._call("POST", path, body=body)

    def put(self, path: str, body: Mapping[str, object]) -> Json:
        """What the system answers where something takes another's place."""
        return self._call("PUT", path, body=body)

    def delete(self, path: str) -> Json:
        """What the system answers to the end of something."""
        return self._call("DELETE", path)

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
            return harmless_json(answer.json())
        except (ValueError, RecursionError) as error:
            raise Unavailable(_stranger(answer)) from error


@contextmanager
def api(url: str) -> Iterator[ApiClient]:
    """A client for the length of one command."""
    client = ApiClient(url, token=_token.get())
    try:
        yield client
    finally:
        client.close()


def _error_of(answer: httpx.Response) -> WardError:
    try:
        body = answer.json()
        message = harmless(str(body["message"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        message = _stranger(answer)
    if answer.status_code == 401:
        message = f"{message} Give a token with --token or WARDLIGHT_TOKEN."
    return _KINDS.get(answer.status_code, InvalidArgument if answer.status_code < 500 else Unavailable)(message)


def _stranger(answer: httpx.Response) -> str:
    return f"{answer.request.url} answered {answer.status_code}, which is not Wardlight's way: is it another service?"
