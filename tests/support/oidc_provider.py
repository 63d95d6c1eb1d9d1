"""A small, real OpenID provider on a loopback port: signs real tokens, checks PKCE, and misbehaves where a test says so."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

PATIENCE_S = 30.0
CLIENT_ID = "wardlight"
CLIENT_SECRET = "a secret between the two"


@dataclass
class Provider:
    """Who signs in there next (`claims`), and what is wrong with the next token (`tamper`)."""

    now_s: int
    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    tamper: str | None = None
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "first", "use": "sig"}))
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: threading.Event = field(default_factory=threading.Event)
    """Set, unless a test wants the token endpoint to take its time."""
    redeeming: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released for each code that comes to the token endpoint."""

    def __post_init__(self) -> None:
        self.answers.set()

    def rotate(self) -> None:
        """Sign with another key from now on, and publish only that."""
        self.key = ECKey.generate_key("P-256", {"kid": f"key-{len(self.asked)}", "use": "sig"})

    def redirect_of(self, query: dict[str, str]) -> str:
        """The person signs in and is sent back with a code."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token_answer(self, form: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        """The token endpoint."""
        begun = self.codes.pop(form.get("code", ""), None)
        wanted = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '+')}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if begun is None or authorization not in (f"Basic {wanted}", f"Basic {plain}"):
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != begun["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self._id_token(begun["nonce"])}

    def _id_token(self, nonce: str) -> str:
        claims = {
            "iss": self.url, "aud": CLIENT_ID, "iat": self.now_s, "exp": self.now_s + 300, "nonce": nonce, **self.claims,
        }  # fmt: skip
        match self.tamper:
            case "expired":
                claims |= {"iat": self.now_s - 900, "exp": self.now_s - 600}
            case "future":
                claims |= {"iat": self.now_s + 900, "nbf": self.now_s + 900, "exp": self.now_s + 1200}
            case "audience":
                claims["aud"] = "another program"
            case "audiences":
                claims |= {"aud": [CLIENT_ID, "another program"], "azp": "another program"}
            case "issuer":
                claims["iss"] = "https://evil.example"
            case "nonce":
                claims["nonce"] = "another sign-in"
            case "subject":
                del claims["sub"]
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": "ES256", "kid": self.key.kid}
        if self.tamper == "none":
            parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
            return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
        if self.tamper == "shared secret":
            secret = OctKey.import_key(json.dumps(self.key.as_dict(private=False)).encode())
            return jwt.encode({"alg": "HS256", "kid": self.key.kid}, claims, secret)
        if self.tamper == "key":
            return jwt.encode(header, claims, ECKey.generate_key("P-256", {"kid": self.key.kid or ""}))
        token = jwt.encode(header, claims, self.key)
        if self.tamper == "body":
            head, _, tail = token.split(".")
            changed = base64.urlsafe_b64encode(json.dumps({**claims, "groups": ["it"]}).encode()).decode().rstrip("=")
            return f"{head}.{changed}.{tail}"
        return token


@contextmanager
def oidc_provider(*, now_s: int) -> Iterator[Provider]:
    """A provider on a free port, gone afterwards."""
    provider = Provider(now_s)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            match parts.path:
                case "/.well-known/openid-configuration":
                    self._answer(200, _described(provider))
                case "/keys":
                    self._answer(200, {"keys": [provider.key.as_dict(private=False)]})
                case "/userinfo":
                    self._answer(200, {"sub": provider.claims["sub"], "groups": ["ward-a-nurses"]})
                case "/authorize":
                    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                    self.send_response(302)
                    self.send_header("location", provider.redirect_of(query))
                    self.send_header("content-length", "0")
                    self.end_headers()
                case _:
                    self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            provider.asked.append("/token")
            provider.redeeming.release()
            provider.answers.wait(PATIENCE_S)
            self._answer(*provider.token_answer(form, self.headers.get("authorization")))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Silent."""

        def _answer(self, status: int, body: object) -> None:
            sent = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _described(provider: Provider) -> dict[str, object]:
    return {
        "issuer": provider.url,
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": f"{provider.url}/token",
        "jwks_uri": f"{provider.url}/keys",
        "userinfo_endpoint": f"{provider.url}/userinfo",
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }
