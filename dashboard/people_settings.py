"""Settings of people: sign-in, sessions, tokens, the hospital's single sign-on; section `people`."""

import json
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from dashboard.guard import is_trusted_address
from dashboard.permissions import HOUSE_ROLES, Role
from runtime.settings import Section
from vitals.topics import is_level


def _parsed(value: object) -> object:
    """From the environment a table comes as JSON text."""
    return json.loads(value) if isinstance(value, str) else value


class PeopleSettings(Section):
    """How people sign in, for how long, and what failed attempts cost."""

    idle_lock_s: int = Field(default=600, ge=5, le=86_400)
    """Without input for this long, a session only shows the ward until the password is given again."""
    idle_expiry_h: float = Field(default=24, gt=0, le=24 * 31)
    """Without input for this long a session ends. Long, because a screen that signs out hides alarms; the lock protects it."""
    session_max_h: float = Field(default=168, gt=0, le=24 * 31)
    """However much it is used, a session ends after this."""
    known_without_database_s: int = Field(default=900, ge=0, le=86_400)
    """While the database does not answer, whoever was signed in this long ago goes on seeing the ward, as if locked."""
    password_length_min: int = Field(default=12, ge=12, le=64)

    failures_free: int = Field(default=5, ge=1, le=100)
    """Wrong passwords of one account before it closes for a while,"""
    address_failures_free: int = Field(default=30, ge=1, le=10_000)
    """and of one address."""
    session_failures_max: int = Field(default=5, ge=1, le=100)
    """Wrong passwords in one session (at its lock, for a new password or token) before that session ends."""
    closed_first_s: float = Field(default=5, gt=0, le=3600)
    """For how long the first time; doubled with each further failure,"""
    closed_s_max: float = Field(default=900, gt=0, le=86_400)
    """up to this: an account must not be closed to its owner by someone else for long."""
    attempts_forgotten_h: float = Field(default=24, gt=0, le=24 * 31)
    attempts_kept_max: int = Field(default=10_000, ge=100, le=1_000_000)

    token_days_max: int = Field(default=366, ge=1, le=3660)
    break_glass_min: int = Field(default=60, ge=1, le=24 * 60)
    """For how long a patient of another ward stays open to who gave a reason."""

    argon2_memory_kib: int = Field(default=65_536, ge=1024, le=4_194_304)
    argon2_passes: int = Field(default=3, ge=1, le=100)
    hashing_max: int = Field(default=2, ge=1, le=64)
    """Passwords looked at at once; each takes argon2's memory and a thread."""

    oidc_issuer: str | None = None
    """The hospital's provider, such as https://login.example.org/realms/ward; where it is absent there is none."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    """Absent for a public client: PKCE is used in either case."""
    oidc_redirect_url: str | None = None
    """This dashboard's address as the provider knows it, ending in /sign-in/hospital/callback."""
    oidc_name: str = Field(default="Hospital sign-in", max_length=60)
    """What the button says."""
    oidc_scope: str = "openid profile email"
    oidc_groups_claim: str = "groups"
    oidc_grants: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_parsed)] = Field(default_factory=dict)
    """Per group of the provider its roles: {"ward-3-nurses" = ["nurse:ward-3"], "it" = ["administrator:*"]}."""
    oidc_timeout_s: float = Field(default=10, gt=0, le=60)
    oidc_at_once_max: int = Field(default=8, ge=1, le=1000)
    """Sign-ins that are put to the provider at once: whoever makes up answers of it makes us ask it no more than so often."""
    oidc_clock_skew_s: int = Field(default=60, ge=0, le=600)

    @field_validator("oidc_grants")
    @classmethod
    def _are_grants(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for grants in value.values():
            for text in grants:
                role, _, ward = text.partition(":")
                if role not in tuple(Role) or not (ward == "*" or is_level(ward)):
                    raise ValueError(f"{text!r} is not ROLE:WARD or ROLE:*, with one of the roles {', '.join(Role)}")
                if ward != "*" and role in HOUSE_ROLES:
                    raise ValueError(f"the role {role} is granted on every ward only: write {role}:*")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.oidc_issuer is not None and (self.oidc_client_id is None or self.oidc_redirect_url is None):
            raise ValueError("oidc_issuer needs oidc_client_id and oidc_redirect_url beside it")
        if self.oidc_issuer is not None and not is_trusted_address(self.oidc_issuer):
            raise ValueError("oidc_issuer has to be HTTPS: who speaks for it decides who may sign in")
        return self
