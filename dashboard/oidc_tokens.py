"""What the hospital's provider says of somebody, believed only where its own key signed it for us, now, for this sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from vitals.errors import SignInNeeded

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures with a private key of the provider's; never a shared secret, never none."""
GROUPS_MAX: Final = 500
_LOGIN_MAX: Final = 64
_NAME_MAX: Final = 80


class UnknownKey(SignInNeeded):
    """The token names a key that is not among the provider's as we know them: they may have changed."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody, as the provider names them."""

    subject: str
    login: str
    name: str
    groups: tuple[str, ...] | None
    """None where the token does not say."""


def verified(
    id_token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now_s: int, skew_s: int
) -> Mapping[str, Any]:
    """The token's claims; raises SignInNeeded, in one sentence, where it is not the provider's, not for us, or not now."""
    try:
        token = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
        registry = JWTClaimsRegistry(
            now=now_s,
            leeway=skew_s,
            iss={"essential": True, "value": issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(token.claims)
    except InvalidKeyIdError as error:
        raise UnknownKey("The hospital's sign-in used a key that it does not publish.") from error
    except (JoseError, ValueError, TypeError) as error:
        raise SignInNeeded("The hospital's sign-in sent an answer that cannot be trusted: try again.") from error
    claims: Mapping[str, Any] = token.claims
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != client_id:
        raise SignInNeeded("The hospital's sign-in answered for another program.")
    return claims


def identity_of(claims: Mapping[str, Any], *, issuer: str, groups_claim: str) -> Identity:
    """Who the claims are about. `groups_claim` may be a path, as in realm_access.roles."""
    subject = str(claims["sub"])
    login = next((str(claims[name]) for name in ("preferred_username", "email", "sub") if claims.get(name)), subject)
    name = " ".join(str(claims.get("name") or login).split())
    return Identity(
        subject=f"{issuer}|{subject}",
        login=login[:_LOGIN_MAX],
        name="".join(letter for letter in name if letter.isprintable())[:_NAME_MAX],
        groups=_groups(claims, groups_claim),
    )


def _groups(claims: Mapping[str, Any], path: str) -> tuple[str, ...] | None:
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return (found,)
    return tuple(str(group) for group in found[:GROUPS_MAX]) if isinstance(found, list) else None
