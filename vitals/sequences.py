"""Which sequence numbers of one device boot were seen: exact, compact and bounded."""

from bisect import bisect_right

import msgspec


class SeenSequences(msgspec.Struct):
    """A set of sequence numbers as disjoint, ascending intervals `[first, last]`; mutable.

    Adding is O(log n) in the number of gaps. Holds at most `intervals_max` intervals: beyond that the two lowest are
    joined, so that the gap between them counts as seen; `joined` counts how often. Whoever must miss nothing asks
    `joined_through`: up to it, what counts as seen may never have been.
    """

    firsts: list[int] = []
    lasts: list[int] = []
    joined: int = 0
    joined_through: int = -1
    """The highest number of a gap that was closed by joining; -1 where none was."""

    def add(self, sequence: int, *, intervals_max: int = 64) -> bool:
        """Remember `sequence`; False if it was already there."""
        if self.lasts and sequence == self.lasts[-1] + 1:
            self.lasts[-1] = sequence
            return True
        index = bisect_right(self.firsts, sequence) - 1
        if index >= 0 and sequence <= self.lasts[index]:
            return False
        joins_left = index >= 0 and self.lasts[index] == sequence - 1
        joins_right = index + 1 < len(self.firsts) and self.firsts[index + 1] == sequence + 1
        if joins_left and joins_right:
            self.lasts[index] = self.lasts.pop(index + 1)
            del self.firsts[index + 1]
        elif joins_left:
            self.lasts[index] = sequence
        elif joins_right:
            self.firsts[index + 1] = sequence
        else:
            self.firsts.insert(index + 1, sequence)
            self.lasts.insert(index + 1, sequence)
            if len(self.firsts) > intervals_max:
                self._join_lowest()
        return True

    def __contains__(self, sequence: int) -> bool:
        index = bisect_right(self.firsts, sequence) - 1
        return index >= 0 and sequence <= self.lasts[index]

    def _join_lowest(self) -> None:
        self.joined_through = max(self.joined_through, self.firsts[1] - 1)
        self.lasts[0] = self.lasts.pop(1)
        del self.firsts[1]
        self.joined += 1
