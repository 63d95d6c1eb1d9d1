"""Who asks: the person behind a request."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person, as routes know them."""

    person_id: str
    name: str
    """As it is shown and put on record."""


GUEST = Person(person_id="guest", name="Guest")
"""Whoever sits at a Wardlight without sign-in."""


def person_of() -> Person:
    """The person behind this request."""
    return GUEST


Signed = Annotated[Person, Depends(person_of)]
"""A route's parameter for who asks."""
