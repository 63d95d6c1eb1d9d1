"""Who asks: the person behind a request, and what they may do where."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from dashboard.permissions import (
    GLASS_PERMISSIONS,
    LENDABLE,
    NO_WARD,
    SYSTEM_PERMISSIONS,
    Access,
    Grant,
    Permission,
    Role,
    Wards,
    access_of,
)
from storage.whereabouts import Place
from vitals.fault import SYSTEM_WARD
from vitals.reading import PatientId, WardId


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person (or a token in their name), as routes know them."""

    person_id: str
    name: str
    """As it is shown and put on record."""
    access: Access = field(default_factory=dict)
    glass: Collection[PatientId] = frozenset()
    """Patients of other wards whom this person has opened with a reason, and still may."""
    token_id: str | None = None
    """Where a program asks in the person's name."""
    session_id: str | None = None
    locked: bool = False
    """Whether the session waits for the password: then it only shows the ward."""
    must_change: bool = False
    """Whether somebody else chose their password: first they choose their own."""

    def may(
        self, permission: Permission, ward_id: WardId | str | None, patient_id: PatientId | str | None = None
    ) -> bool:
        """Whether they may on this ward; None is what belongs to no ward, for roles on every ward only.

        With `patient_id`, a broken glass counts too. Alerts about Wardlight itself are for whoever sees or answers any.
        """
        wards = self.access.get(permission, NO_WARD)
        if wards.every or (ward_id is not None and ward_id in wards):
            return True
        if ward_id == SYSTEM_WARD and permission in SYSTEM_PERMISSIONS:
            return bool(wards)
        return patient_id in self.glass and permission in GLASS_PERMISSIONS and bool(wards)

    def may_at(self, permission: Permission, places: Iterable[Place]) -> bool:
        """Whether they may at every one of these places."""
        return all(self.may(permission, place.ward_id, place.patient_id) for place in places)

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether they may on any ward at all."""
        return bool(self.access.get(permission, NO_WARD))

    @property
    def only_shows(self) -> bool:
        """Whether this is a token such as others make in one's name: it changes nothing, not even what is everybody's own."""
        return self.token_id is not None and not self.access.keys() - LENDABLE

    def wards(self, permission: Permission) -> frozenset[WardId] | None:
        """The wards on which they may; None means every ward."""
        wards: Wards = self.access.get(permission, NO_WARD)
        return None if wards.every else wards.named


GUEST = Person(
    person_id="guest",
    name="Guest",
    access=access_of(Grant(role, None) for role in Role if role is not Role.ADMINISTRATOR),
)
"""Whoever sits at a Wardlight without sign-in: everything but other people's accounts."""


def person_of(request: Request) -> Person:
    """The person behind this request, as the gate found them."""
    person: Person = request.scope["person"]
    return person


Signed = Annotated[Person, Depends(person_of)]
"""A route's parameter for who asks."""
