"""What the API of people takes and gives."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from dashboard.permissions import HOUSE_ROLES, Permission, Role
from dashboard.schemas import Body, Level, PersonName, ShortText

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")]
"""A login name; upper and lower case are one."""
Password = Annotated[SecretStr, Field(max_length=200)]
PersonId = Annotated[str, Field(pattern=r"^[a-z0-9]{1,64}$")]
TokenId = Annotated[str, Field(pattern=r"^[a-z0-9]{1,64}$")]


class SignInWays(BaseModel):
    """How one signs in here."""

    guest: bool
    """Nobody needs to: a demo."""
    hospital: str | None
    """What the button of the hospital's sign-in says, where there is one."""
    password_length_min: int


class SignInBody(Body):
    """A login name and its password."""

    login: Annotated[str, Field(max_length=200)]
    password: Password


class PasswordBody(Body):
    """The password again, to unlock."""

    password: Password


class ChangePassword(Body):
    """One's own password, changed."""

    old: Password
    new: Password


class GlassEntry(BaseModel):
    """A patient of another ward who is open to somebody, why, and until when."""

    glass_id: str
    person_id: str
    person_name: str
    patient_id: str
    ward_id: str | None
    reason: str
    opened_at_ms: int
    expires_at_ms: int


class Me(BaseModel):
    """Who is signed in here, and what they may."""

    person_id: str
    name: str
    login: str | None
    guest: bool
    locked: bool
    must_change_password: bool
    has_password: bool
    csrf: str | None
    """What changes carry in the header `x-wardlight-csrf`; None where no session is behind this."""
    permissions: dict[Permission, list[str] | None]
    """On which wards; null: on every one."""
    glass: list[GlassEntry]
    idle_lock_s: int | None
    """Without input for this long the session locks; null: never."""
    ends_at_ms: int | None
    """When the session ends if nothing is done meanwhile."""
    now_ms: int


class GrantBody(Body):
    """One role on one ward; on every ward where `ward` is null."""

    role: Role
    ward: Level | None = None
    every_ward: bool = False
    """Said on purpose, so that a forgotten ward does not open the house."""

    @model_validator(mode="after")
    def _says_where(self) -> "GrantBody":
        if (self.ward is None) != self.every_ward:
            raise ValueError("name one ward, or say every_ward")
        if self.role in HOUSE_ROLES and not self.every_ward:
            raise ValueError(f"the role {self.role} is granted on every ward only")
        return self


class GrantEntry(BaseModel):
    """One role; `ward` null: on every ward. `source` hospital: by groups of the hospital's sign-in."""

    role: str
    ward: str | None
    source: str


class PersonEntry(BaseModel):
    """One account."""

    person_id: str
    login: str
    name: str
    has_password: bool
    from_hospital: bool
    disabled_at_ms: int | None
    added_at_ms: int
    grants: list[GrantEntry]


class NewPerson(Body):
    """Somebody who will sign in."""

    login: Login
    name: PersonName
    grants: Annotated[list[GrantBody], Field(max_length=50)] = Field(default_factory=list)


class OneTimePassword(BaseModel):
    """Told once: the person chooses their own at the first sign-in."""

    person: PersonEntry
    one_time_password: str


class NewToken(Body):
    """What a program may, where, for how long."""

    name: ShortText
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))]
    wards: Annotated[list[Level], Field(min_length=1, max_length=100)] | None = None
    """None: wherever its owner may."""
    days: Annotated[int, Field(ge=1, le=3660)] = 90


class OwnToken(NewToken):
    """A token of one's own: it outlives the session, so a session somebody left open does not make one."""

    password: Password


class TokenEntry(BaseModel):
    """One token, without its secret."""

    token_id: str
    person_id: str
    name: str
    scopes: list[str]
    wards: list[str] | None
    created_at_ms: int
    created_by: str
    expires_at_ms: int
    used_at_ms: int | None
    revoked_at_ms: int | None


class TokenMade(BaseModel):
    """Told once: the secret is not kept."""

    token: TokenEntry
    secret: str


def _reason(text: str) -> str:
    if len(text.split()) < 2:
        raise ValueError("say why in a few words")
    return text


class BreakGlass(Body):
    """Why somebody opens a patient of another ward."""

    reason: Annotated[ShortText, Field(min_length=8), AfterValidator(_reason)]
