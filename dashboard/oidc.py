"""Signing in through the hospital: OpenID Connect's code flow with PKCE, state and nonce, as a client over HTTP."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from dashboard.guard import is_trusted_address
from dashboard.oidc_tokens import Identity, UnknownKey, identity_of, verified
from dashboard.people_settings import PeopleSettings
from runtime.clock import Clock
from vitals.errors import ConfigurationError, SignInNeeded, Unavailable

log = structlog.get_logger()

ANSWER_BYTES_MAX: Final = 1_000_000
_KNOWN_FOR_S: Final = 3600.0
"""How long the provider's description and keys are used before they are asked for again,"""
_KEYS_AGAIN_S: Final = 30.0
"""and how long after that an unknown key is a reason to ask at once."""
NEXT_MAX: Final = 300


@dataclass(frozen=True, kw_only=True)
class Begun:
    """One sign-in on its way: kept in a cookie of the browser that began it."""

    state: str
    nonce: str
    verifier: str
    next: str

    def packed(self) -> str:
        """For a cookie."""
        text = json.dumps([self.state, self.nonce, self.verifier, self.next])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def is_answered_by(self, state: str) -> bool:
        """Whether an answer with this state is to this sign-in."""
        return hmac.compare_digest(self.state.encode(), state.encode())

    @classmethod
    def unpacked(cls, cookie: str) -> "Begun | None":
        """What `packed` made; None for anything else."""
        try:
            state, nonce, verifier, then = json.loads(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)))
        except (ValueError, TypeError, binascii.Error):
            return None
        if not all(isinstance(part, str) and part for part in (state, nonce, verifier, then)):
            return None
        return cls(state=state, nonce=nonce, verifier=verifier, next=safe_next(then))


class Hospital:
    """The provider, as a client sees it; its description and keys are remembered for a while."""

    def __init__(self, settings: PeopleSettings, *, clock: Clock) -> None:
        if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.oidc_redirect_url is None:
            raise ConfigurationError("There is no hospital sign-in: set people.oidc_issuer.")
        self._settings = settings
        self._clock = clock
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._redirect_url = settings.oidc_redirect_url
        self._description: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._finishing = 0
        self._trust = httpx.create_ssl_context(trust_env=False)

    async def begin(self, then: str) -> tuple[str, Begun]:
        """Where to send the browser, and what to remember of it; raises Unavailable."""
        described = await self._described()
        begun = Begun(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=safe_next(then),
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_url,
            "scope": self._settings.oidc_scope,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = _endpoint(described, "authorization_endpoint")
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}", begun

    async def finish(self, begun: Begun, *, state: str, code: str) -> Identity:
        """Who came back; raises SignInNeeded where the answer is not to this sign-in or not to be trusted, Unavailable."""
        if not begun.is_answered_by(state):
            raise SignInNeeded("This answer belongs to another sign-in: begin again.")
        if self._finishing >= self._settings.oidc_at_once_max:
            raise Unavailable("Too many people sign in through the hospital at once: try again in a moment.")
        self._finishing += 1
        try:
            return await self._identity(begun, code)
        finally:
            self._finishing -= 1

    async def _identity(self, begun: Begun, code: str) -> Identity:
        described = await self._described()
        tokens = await self._redeem(described, code, begun.verifier)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise SignInNeeded("The hospital's sign-in sent no identity: try again.")
        claims = await self._verified(id_token, begun.nonce)
        identity = identity_of(claims, issuer=self._issuer, groups_claim=self._settings.oidc_groups_claim)
        if identity.groups is None and "userinfo_endpoint" in described and isinstance(tokens.get("access_token"), str):
            identity = await self._more(described, claims, tokens["access_token"])
        return identity

    async def _redeem(self, described: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_url,
            "client_id": self._client_id,
            "code_verifier": verifier,
        }
        secret = self._settings.oidc_client_secret
        basic: httpx.BasicAuth | None = None
        if secret is not None:
            if "client_secret_basic" in described.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
                basic = httpx.BasicAuth(self._client_id, secret.get_secret_value())
            else:
                form["client_secret"] = secret.get_secret_value()
        return await self._ask("POST", _endpoint(described, "token_endpoint"), data=form, auth=basic)

    async def _verified(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        check = {
            "issuer": self._issuer,
            "client_id": self._client_id,
            "nonce": nonce,
            "now_s": self._clock.now_ms() // 1000,
            "skew_s": self._settings.oidc_clock_skew_s,
        }
        try:
            return verified(id_token, await self._known_keys(_KNOWN_FOR_S), **check)  # type: ignore[arg-type]
        except UnknownKey:
            return verified(id_token, await self._known_keys(_KEYS_AGAIN_S), **check)  # type: ignore[arg-type]

    async def _more(self, described: Mapping[str, Any], claims: Mapping[str, Any], access_token: str) -> Identity:
        headers = {"authorization": f"Bearer {access_token}"}
        told = await self._ask("GET", _endpoint(described, "userinfo_endpoint"), headers=headers)
        if told.get("sub") != claims["sub"]:
            raise SignInNeeded("The hospital's sign-in spoke of two different people.")
        return identity_of({**told, **claims}, issuer=self._issuer, groups_claim=self._settings.oidc_groups_claim)

    async def _described(self) -> Mapping[str, Any]:
        now_s = self._clock.monotonic_s()
        if self._description is None or now_s - self._description[0] > _KNOWN_FOR_S:
            told = await self._ask("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if told.get("issuer") != self._issuer:
                raise Unavailable("The hospital's sign-in calls itself by another name than people.oidc_issuer.")
            self._description = now_s, told
        return self._description[1]

    async def _known_keys(self, for_s: float) -> KeySet:
        now_s = self._clock.monotonic_s()
        if self._keys is None or now_s - self._keys[0] > for_s:
            told = await self._ask("GET", _endpoint(await self._described(), "jwks_uri"))
            try:
                self._keys = now_s, KeySet.import_key_set({"keys": list(told["keys"])})
            except (JoseError, KeyError, TypeError, ValueError) as error:
                raise Unavailable("The hospital's sign-in publishes keys that cannot be read.") from error
        return self._keys[1]

    async def _ask(self, method: str, url: str, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - httpx's own options
        try:
            async with (
                httpx.AsyncClient(timeout=self._settings.oidc_timeout_s, trust_env=False, verify=self._trust) as client,
                client.stream(method, url, **request) as answer,
            ):
                body = bytearray()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_BYTES_MAX:
                        raise Unavailable("The hospital's sign-in answers with too much.")
        except httpx.HTTPError as error:
            log.warning("hospital_sign_in_unreachable", url=url, error=type(error).__name__)
            raise Unavailable("The hospital's sign-in does not answer: try again, or use a password.") from error
        told = _parsed(bytes(body))
        if not answer.is_success:
            log.warning(
                "hospital_sign_in_refused", url=url, status=answer.status_code, error=str(told.get("error"))[:80]
            )
            raise SignInNeeded("The hospital's sign-in refused: begin again.")
        return told


def safe_next(text: str) -> str:
    """Where to go afterwards: a path of ours, never an address of somebody else's.

    No path of ours has an empty segment or a backslash; with one, what browsers make of dots ("/.//elsewhere") is a host.
    """
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    fits = (
        path.startswith("/") and "//" not in path and "\\" not in path and text.isprintable() and len(text) <= NEXT_MAX
    )
    return text if fits else "/"


def _endpoint(described: Mapping[str, Any], name: str) -> str:
    url = described.get(name)
    if not isinstance(url, str) or not is_trusted_address(url):
        raise Unavailable(f"The hospital's sign-in describes no {name} with HTTPS.")
    return url


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {}
