"""Escalation ladders as data: who is told of an alert that nobody takes in hand, after how long, and on what evidence. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final, NamedTuple

import msgspec

from vitals.alert import Priority
from vitals.errors import InvalidArgument
from vitals.fault import SYSTEM_WARD
from vitals.on_call import Login, ScheduleId

EVERY_WARD: Final = "*"
STEPS_MAX: Final = 20
TARGETS_MAX: Final = 20
AFTER_S_MAX: Final = 86_400.0
REPEATS_MAX: Final = 100
ACKNOWLEDGEMENTS_MAX: Final = 10


class TargetKind(StrEnum):
    """Through what a step finds whom it tells."""

    SCREEN = "screen"
    """The ward's own screens, which show every open alert anyway: says that this step asks for nothing more."""
    PERSON = "person"
    """`person:LOGIN`, wherever they have asked to be reached."""
    ROLE = "role"
    """`role:nurse`: everybody who has this role on the alert's ward, or on every ward."""
    ON_CALL = "on-call"
    """`on-call:SCHEDULE`: whoever is on call by that schedule when the step is taken."""
    DESTINATION = "destination"
    """`destination:ID`: an address of the house, such as the ward's pager or chat."""


class Target(NamedTuple):
    """One word of a step's `to`, taken apart; `name` is empty for the screen."""

    kind: TargetKind
    name: str


_NAMES: Final[Mapping[TargetKind, object]] = {
    TargetKind.PERSON: Login,
    TargetKind.ON_CALL: ScheduleId,
    TargetKind.ROLE: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}$")],
    TargetKind.DESTINATION: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")],
}
_KINDS: Final = {kind.value: kind for kind in _NAMES}
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=AFTER_S_MAX)]


class LadderStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom to tell, and when: at the latest `after_s` after the alert was raised, sooner where the evidence asks for it."""

    after_s: _Seconds
    to: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=TARGETS_MAX)]
    """`screen`, `person:LOGIN`, `role:ROLE`, `on-call:SCHEDULE`, `destination:ID`."""
    undelivered_after_s: _Seconds = 0.0
    """So long after it shows that the step before could be delivered to nobody: by default at once."""
    unseen_after_s: _Seconds | None = None
    """So long after the step before, where nobody has seen it; None: no sooner than `after_s`."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """What `to` means; raises InvalidArgument."""
        return tuple(map(target_of, self.to))


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to an alert of one priority on one ward until enough people have it in hand."""

    ward_id: Annotated[str, msgspec.Meta(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]
    """`*` for every ward that has none of its own; `system` for Wardlight's own faults."""
    priority: Priority
    steps: Annotated[tuple[LadderStep, ...], msgspec.Meta(min_length=1, max_length=STEPS_MAX)]
    """The first is taken at once."""
    acknowledgements: Annotated[int, msgspec.Meta(ge=1, le=ACKNOWLEDGEMENTS_MAX)] = 1
    """So many people must take it in hand before the ladder ends."""
    repeat_every_s: Annotated[float, msgspec.Meta(ge=30, le=AFTER_S_MAX)] | None = None
    """The last step is taken again after so long; None: never."""
    repeats_max: Annotated[int, msgspec.Meta(ge=0, le=REPEATS_MAX)] = 10
    """At most so often; `ladders.repeats_max` bounds it further."""


def target_of(text: str) -> Target:
    """One word of a step's `to`; raises InvalidArgument, in one sentence that says what it may be.

    >>> target_of("role:nurse")
    Target(kind=<TargetKind.ROLE: 'role'>, name='nurse')
    """
    word, separator, name = text.partition(":")
    if text == TargetKind.SCREEN:
        return Target(TargetKind.SCREEN, "")
    kind = _KINDS.get(word)
    if separator and kind is not None:
        try:
            return Target(kind, msgspec.convert(name, _NAMES[kind]))
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"{text!r} names nothing that {word} can be followed by.") from error
    raise InvalidArgument(
        f"{text!r} is nobody to tell: write screen, person:LOGIN, role:ROLE, on-call:SCHEDULE or destination:ID."
    )


def check_ladder(ladder: Ladder) -> None:
    """Raises InvalidArgument, in one sentence, where the ladder's steps do not make sense together."""
    name = f"ladder of ward {ladder.ward_id}, {ladder.priority.value}"
    if ladder.steps[0].after_s != 0:
        raise InvalidArgument(f"In the {name}, steps[0].after_s must be 0: the first step is taken at once.")
    for number, (before, step) in enumerate(pairwise(ladder.steps), start=1):
        if step.after_s < before.after_s:
            raise InvalidArgument(
                f"In the {name}, steps[{number}].after_s ({step.after_s:g}) is less than that of the step before"
                f" ({before.after_s:g}): steps are counted from the alert's beginning, in order."
            )
    for number, step in enumerate(ladder.steps):
        try:
            targets = step.targets
        except InvalidArgument as error:
            raise InvalidArgument(f"In the {name}, steps[{number}].to: {error}") from error
        if len(set(targets)) != len(targets):
            raise InvalidArgument(f"In the {name}, steps[{number}].to names one of them twice.")


def ladder_for(ladders: Iterable[Ladder], ward_id: str, priority: Priority) -> Ladder:
    """The ladder that an alert climbs: its ward's own, else the house's, else the one shipped."""
    wanted = [ladder for ladder in (*ladders, *DEFAULT_LADDERS) if ladder.priority is priority]
    for ward in (ward_id, EVERY_WARD):
        for ladder in wanted:
            if ladder.ward_id == ward:
                return ladder
    raise InvalidArgument(f"There is no ladder for {priority.value} alerts.")


def _step(after_s: float, *to: str) -> LadderStep:
    return LadderStep(after_s=after_s, to=to)


_HOUSE_HIGH: Final = Ladder(
    ward_id=EVERY_WARD,
    priority=Priority.HIGH,
    steps=(
        _step(0, "screen", "role:nurse"),
        _step(60, "role:nurse", "role:physician"),
        _step(120, "role:nurse", "role:physician", "role:ward_manager"),
    ),
    repeat_every_s=300,
)
_HOUSE_MEDIUM: Final = Ladder(
    ward_id=EVERY_WARD,
    priority=Priority.MEDIUM,
    steps=(_step(0, "screen", "role:nurse"), _step(60, "role:nurse"), _step(180, "role:nurse", "role:ward_manager")),
)
_LOW: Final = _step(0, "screen")
_SYSTEM: Final = (
    _step(0, "screen", "role:device_technician"),
    _step(300, "role:device_technician", "role:ward_manager"),
)

DEFAULT_LADDERS: Final[tuple[Ladder, ...]] = (
    _HOUSE_HIGH,
    _HOUSE_MEDIUM,
    Ladder(ward_id=EVERY_WARD, priority=Priority.LOW, steps=(_LOW,)),
    Ladder(ward_id=SYSTEM_WARD, priority=Priority.HIGH, steps=_SYSTEM, repeat_every_s=900),
    Ladder(ward_id=SYSTEM_WARD, priority=Priority.MEDIUM, steps=_SYSTEM),
    Ladder(ward_id=SYSTEM_WARD, priority=Priority.LOW, steps=(_LOW,)),
)
"""What holds where nothing was set: 0, 60 and 120 s for high, 0, 60 and 180 s for medium, the ward's screen for low.

The seconds after the ladder of a paediatric ward that first told the next ones after 20 s and then found 60 s right
(Pater 2020, BMJ Qual Saf 29:717); that low and medium alerts spare whoever is in charge, and high ones go to all, is theirs
too. To whom each step goes is our choice, and the house's to change.
"""
