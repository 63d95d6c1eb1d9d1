"""Consumer groups within one process: who owns which partition numbers, handed over without two owners at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from runtime.clock import Clock
from vitals.errors import InvalidArgument


@dataclass(eq=False, kw_only=True)
class Member:
    """One reader of a group."""

    wake: Callable[[], None]
    """Called when the member should poll again."""
    target: frozenset[int] = frozenset()
    """What the split gives it."""
    holds: set[int] = field(default_factory=set)
    """What no other member may start on before it lets go."""
    announced: frozenset[int] | None = None
    """What its last Assigned said."""


class LocalGroup:
    """Splits partition numbers into ranges by order of joining; splits anew whenever a member joins or leaves.

    A partition goes to its new owner once the old one has let go of it (its batch in hand done and its claim renewed),
    or after `handover_s_max`: then the old owner's later commits are for the SQL fence to refuse.
    """

    def __init__(self, *, topics: Iterable[str], partition_count: int, clock: Clock, handover_s_max: float) -> None:
        self.topics = frozenset(topics)
        self._partition_count = partition_count
        self._clock = clock
        self._handover_s_max = handover_s_max
        self._members: list[Member] = []
        self._forced_at_s = 0.0

    @property
    def members(self) -> int:
        """How many readers are in the group."""
        return len(self._members)

    def join(self, topics: Iterable[str], wake: Callable[[], None]) -> Member:
        """Add a reader; raises InvalidArgument where it reads other topics than the group does."""
        if frozenset(topics) != self.topics:
            raise InvalidArgument(
                f"Readers of one group must read the same topics; this group reads {sorted(self.topics)}."
            )
        member = Member(wake=wake)
        self._members.append(member)
        self._split()
        return member

    def leave(self, member: Member) -> None:
        """Take a reader out; what it held is free."""
        if member in self._members:
            self._members.remove(member)
            member.holds.clear()
            self._split()

    def pending(self, member: Member) -> frozenset[int] | None:
        """The new assignment to announce to `member`; None where nothing changed for now.

        Where others still hold a part of its share, it first gives up what is no longer its own, and then waits.
        """
        if member.target == member.announced:
            return None
        held_by_others: set[int] = set()
        for other in self._members:
            if other is not member:
                held_by_others |= other.holds
        if not member.target & held_by_others or self._clock.monotonic_s() >= self._forced_at_s:
            return member.target
        if member.announced is None or member.announced <= member.target:
            return None
        return member.announced & member.target

    def announce(self, member: Member, partitions: frozenset[int]) -> None:
        """`member` is told that it owns `partitions`; it holds its old ones as well until `settle`."""
        for other in self._members:
            if other is not member:
                other.holds -= partitions
        member.holds |= partitions
        member.announced = partitions

    def settle(self, member: Member) -> None:
        """`member` is done with whatever it no longer owns."""
        if member.announced is not None and member.holds != member.announced:
            member.holds &= member.announced
            self._wake_all()

    def _split(self) -> None:
        share, larger = divmod(self._partition_count, max(1, len(self._members)))
        first = 0
        for index, member in enumerate(self._members):
            after = first + share + (1 if index < larger else 0)
            member.target = frozenset(range(first, after))
            first = after
        self._forced_at_s = self._clock.monotonic_s() + self._handover_s_max
        self._wake_all()

    def _wake_all(self) -> None:
        for member in self._members:
            member.wake()
