"""Whom a step of a ladder reaches: roles, people, schedules and the destinations they gave, as they stand at one moment. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from vitals.alert import Priority
from vitals.fault import SYSTEM_WARD
from vitals.ladder import EVERY_WARD, Target, TargetKind
from vitals.on_call import Override, Schedule, on_call


class Missing(StrEnum):
    """Why somebody that a step names could not be told; the same word in SQL row, API and screen."""

    NOBODY_ON_CALL = "nobody_on_call"
    """The schedule has a gap."""
    NO_SUCH_SCHEDULE = "no_such_schedule"
    NO_SUCH_PERSON = "no_such_person"
    ACCOUNT_CLOSED = "account_closed"
    NOBODY_WITH_ROLE = "nobody_with_role"
    NO_DESTINATION = "no_destination"
    """The person has not said how to be reached for such alerts, or the house has no such address."""
    TOO_MANY = "too_many"
    """More than one step may tell at once; the first were told."""


class Member(msgspec.Struct, frozen=True):
    """Somebody who can sign in."""

    person_id: str
    login: str
    name: str
    is_open: bool = True
    """Whether the account is."""


class Contact(msgspec.Struct, frozen=True):
    """How a person wants to be reached by ladders."""

    destination_id: str
    priorities: tuple[Priority, ...] = tuple(Priority)


class Holder(msgspec.Struct, frozen=True):
    """One role of one person on one ward, or on every ward (`*`)."""

    person_id: str
    role: str
    ward_id: str


class Addressee(msgspec.Struct, frozen=True, omit_defaults=True):
    """One destination that a step tells, and through which word of its `to`."""

    to: str
    destination_id: str
    person_id: str | None = None
    """None for an address of the house."""
    name: str | None = None


class Unreached(msgspec.Struct, frozen=True, omit_defaults=True):
    """One word of a step's `to`, or one person behind it, that led nowhere."""

    to: str
    why: Missing
    name: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """Whom a step reaches, each destination once, and whom it would have and cannot."""

    told: tuple[Addressee, ...] = ()
    missing: tuple[Unreached, ...] = ()


_Found = Addressee | Unreached


class PhoneBook:
    """Everybody who can be told of something, as read at one moment."""

    def __init__(
        self,
        *,
        members: Iterable[Member] = (),
        holders: Iterable[Holder] = (),
        contacts: Mapping[str, Sequence[Contact]] | None = None,
        house_destinations: Iterable[str] = (),
        schedules: Iterable[Schedule] = (),
        overrides: Iterable[Override] = (),
    ) -> None:
        self._by_id = {member.person_id: member for member in members}
        self._by_login = {member.login: member for member in self._by_id.values()}
        self._holders = tuple(holders)
        self._contacts = contacts or {}
        self._house = frozenset(house_destinations)
        self._schedules = {schedule.schedule_id: schedule for schedule in schedules}
        self._overrides = tuple(overrides)

    def has_destinations(self) -> bool:
        """Whether any step could tell anyone beyond the screens."""
        return bool(self._house) or any(self._contacts.values())

    def whom(
        self,
        to: Sequence[str],
        targets: Sequence[Target],
        *,
        ward_id: str,
        priority: Priority,
        at_ms: int,
        told_max: int,
    ) -> Answer:
        """Whom these words reach for an alert of this ward and priority, at most `told_max` destinations.

        A destination that several lead to is the house's where the house is meant, else that of somebody of the ward: what
        goes out in the name of a person who may not see the ward is given up.
        On ward `system` a role counts wherever somebody holds it.
        """
        told: dict[str, Addressee] = {}
        missing: list[Unreached] = []
        for word, target in zip(to, targets, strict=True):
            for found in self._found(word, target, ward_id, priority, at_ms):
                if isinstance(found, Unreached):
                    missing.append(found)
                elif found.destination_id in told:
                    held = told[found.destination_id]
                    told[found.destination_id] = min(held, found, key=lambda one: self._doubt(one, ward_id))
                elif len(told) < told_max:
                    told[found.destination_id] = found
                else:
                    missing.append(Unreached(word, Missing.TOO_MANY, found.name))
        return Answer(tuple(told.values()), tuple(missing))

    def _doubt(self, found: Addressee, ward_id: str) -> int:
        """How much may stand against telling somebody of this ward there."""
        if found.person_id is None:
            return 0
        wards = {holder.ward_id for holder in self._holders if holder.person_id == found.person_id}
        return 1 if wards & {ward_id, EVERY_WARD} else 2

    def on_call(self, schedule_id: str, at_ms: int) -> Member | Missing:
        """Who is on call by this schedule, or why nobody can be said."""
        schedule = self._schedules.get(schedule_id)
        if schedule is None:
            return Missing.NO_SUCH_SCHEDULE
        found = on_call(schedule, self._overrides, at_ms)
        if found is None:
            return Missing.NOBODY_ON_CALL
        return self._by_login.get(found[0], Missing.NO_SUCH_PERSON)

    def _found(self, to: str, target: Target, ward_id: str, priority: Priority, at_ms: int) -> Iterator[_Found]:
        match target.kind:
            case TargetKind.SCREEN:
                return
            case TargetKind.DESTINATION:
                if target.name in self._house:
                    yield Addressee(to, target.name)
                else:
                    yield Unreached(to, Missing.NO_DESTINATION)
            case TargetKind.PERSON:
                yield from self._reach(to, self._by_login.get(target.name, Missing.NO_SUCH_PERSON), priority)
            case TargetKind.ON_CALL:
                yield from self._reach(to, self.on_call(target.name, at_ms), priority)
            case TargetKind.ROLE:
                yield from self._role(to, target.name, ward_id, priority)

    def _role(self, to: str, role: str, ward_id: str, priority: Priority) -> Iterator[_Found]:
        held_by = {
            holder.person_id
            for holder in self._holders
            if holder.role == role and (holder.ward_id in (ward_id, EVERY_WARD) or ward_id == SYSTEM_WARD)
        }
        members = sorted(
            (self._by_id[each] for each in held_by if each in self._by_id and self._by_id[each].is_open), key=_by_login
        )
        if not members:
            yield Unreached(to, Missing.NOBODY_WITH_ROLE)
        for member in members:
            yield from self._reach(to, member, priority)

    def _reach(self, to: str, who: Member | Missing, priority: Priority) -> Iterator[_Found]:
        if isinstance(who, Missing):
            yield Unreached(to, who)
        elif not who.is_open:
            yield Unreached(to, Missing.ACCOUNT_CLOSED, who.name)
        else:
            wanted = [one for one in self._contacts.get(who.person_id, ()) if priority in one.priorities]
            if not wanted:
                yield Unreached(to, Missing.NO_DESTINATION, who.name)
            for contact in wanted:
                yield Addressee(to, contact.destination_id, who.person_id, who.name)


def _by_login(member: Member) -> str:
    return member.login
