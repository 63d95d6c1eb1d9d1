"""The hospital's sign-in imitated: tokens without a signature, by the wrong key, of another issuer, or that bring their own key."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from dashboard.oidc import Begun, safe_next
from dashboard.oidc_tokens import identity_of, verified
from vitals.errors import SignInNeeded

NOW_S = 1_767_225_600
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
MINE = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
"""The attacker's, under the provider's name."""
KEYS = KeySet([RSA, EC])
CLAIMS: dict[str, Any] = {
    "iss": "https://login.hospital.example", "sub": "kim", "aud": "wardlight", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "n",
}  # fmt: skip


def believed(token: str) -> Any:
    """What the door makes of a token."""
    return verified(token, KEYS, issuer=CLAIMS["iss"], client_id="wardlight", nonce="n", now_s=NOW_S, skew_s=60)


def part(value: object) -> str:
    """One part of a token."""
    return (
        base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode().rstrip("=")
    )


def unsigned(header: dict[str, object], signature: bytes = b"") -> str:
    """A token whose signature is what it is."""
    return f"{part(header)}.{part(CLAIMS)}.{part(signature)}"


def test_the_providers_own_token_is_believed() -> None:
    assert believed(jwt.encode({"alg": "ES256", "kid": "ec"}, CLAIMS, EC)) == CLAIMS


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["none"], "HS256", "HS512", "none "])
def test_a_token_without_a_signature_is_refused(alg: object) -> None:
    for token in (unsigned({"alg": alg, "kid": "ec"}), unsigned({"alg": alg}), unsigned({"alg": alg}, b"x")):
        with pytest.raises(SignInNeeded):
            believed(token)


@pytest.mark.parametrize("form", ["pem", "jwk", "der"])
@pytest.mark.parametrize("key", [RSA, EC], ids=["RSA", "EC"])
def test_a_public_key_used_as_a_shared_secret_signs_nothing(key: RSAKey | ECKey, form: str) -> None:
    """Key confusion: what everybody can fetch would be the secret."""
    secret = (
        json.dumps(key.as_dict(private=False)).encode()
        if form == "jwk"
        else key.as_pem(private=False)
        if form == "pem"
        else key.as_der(private=False)
    )
    signed = f"{part({'alg': 'HS256', 'kid': key.kid})}.{part(CLAIMS)}"
    token = f"{signed}.{part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
    with pytest.raises(SignInNeeded):
        believed(token)


@pytest.mark.parametrize(
    "brought",
    [
        {"jwk": MINE.as_dict(private=False)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"kid": "../../../dev/null"},
        {"kid": "' UNION SELECT 'x"},
        {"kid": ""},
        {"kid": ["ec"]},
        {"crit": ["b64"], "b64": False},
        {"crit": ["evil"], "evil": True},
        {"zip": "DEF"},
    ],
    ids=lambda brought: next(iter(brought)),
)
def test_a_token_that_brings_its_own_key_or_rules_is_refused(brought: dict[str, Any]) -> None:
    head = part({"alg": "ES256", "kid": "ec", **brought})
    signed = jwt.encode({"alg": "ES256", "kid": "ec"}, CLAIMS, MINE)
    with pytest.raises(SignInNeeded):
        believed(".".join([head, *signed.split(".")[1:]]))


@pytest.mark.parametrize(
    "signature", [b"", b"\0" * 64, b"\xff" * 64, b"\0" * 63 + b"\1", b"\x30\x06\x02\x01\x01\x02\x01\x01"]
)
def test_a_signature_of_zeros_is_none(signature: bytes) -> None:
    with pytest.raises(SignInNeeded):
        believed(unsigned({"alg": "ES256", "kid": "ec"}, signature))


def test_a_signature_by_another_key_of_the_same_name_is_refused() -> None:
    with pytest.raises(SignInNeeded):
        believed(jwt.encode({"alg": "ES256", "kid": "ec"}, CLAIMS, MINE))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": "https://login.hospital.example/"},
        {"iss": "https://login.hospital.example.evil.example"},
        {"iss": ["https://login.hospital.example"]},
        {"aud": "another"},
        {"aud": ["wardlight", "another"]},
        {"aud": ["wardlight", "another"], "azp": "another"},
        {"aud": []},
        {"exp": NOW_S - 61},
        {"exp": "never"},
        {"exp": None},
        {"iat": NOW_S + 3600},
        {"nbf": NOW_S + 3600},
        {"nonce": "another sign-in"},
        {"nonce": None},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_of_somebody_else_for_somebody_else_or_of_another_time_is_refused(changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    with pytest.raises(SignInNeeded):
        believed(jwt.encode({"alg": "ES256", "kid": "ec"}, claims, EC))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b.c", "a.b.c.d.e", "\0", "é.é.é", "[" * 100_000, "." * 100_000, "e30.e30.", "A" * 1_000_000,
     f"{part(b'[' * 100_000)}.e30.x", f"{part(b'{')}.e30.x"],
    ids=lambda token: f"{token[:8]!r} of {len(token)}",
)  # fmt: skip
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(SignInNeeded):
        believed(token)


def test_an_encrypted_token_that_unpacks_to_a_bomb_is_refused_unread() -> None:
    bomb = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A128GCM", "zip": "DEF"},
        b"0" * 200_000,
        OctKey.import_key(b"k" * 16),
        algorithms=["dir", "A128GCM", "DEF"],
    )
    with pytest.raises(SignInNeeded):
        believed(bomb)


def test_claims_are_names_and_no_more() -> None:
    named = identity_of(
        {"sub": "s", "preferred_username": "x" * 500, "name": "A\x1b[2J\nB\u202e", "groups": ["g"] * 100_000},
        issuer="i", groups_claim="groups",
    )  # fmt: skip
    assert named.name.isprintable()
    assert len(named.login) <= 64
    assert named.groups is not None
    assert len(named.groups) <= 500


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/.//evil.example",
        "javascript:alert(1)",
        "\thttps://evil",
        "/a\r\nSet-Cookie: x",
        "",
        "/" + "a" * 1000,
    ],
)
def test_a_sign_in_leads_to_no_other_house(then: str) -> None:
    assert safe_next(then) == "/"
    begun = Begun(state="s", nonce="n", verifier="v", next=then)
    unpacked = Begun.unpacked(begun.packed())
    assert unpacked is None or unpacked.next == "/"
