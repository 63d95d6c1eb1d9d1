"""The compact set of sequence numbers is a set of sequence numbers."""

from hypothesis import given
from hypothesis import strategies as st

from vitals.sequences import SeenSequences


@given(numbers=st.lists(st.integers(0, 60)))
def test_it_remembers_exactly_what_was_added(numbers: list[int]) -> None:
    seen, model = SeenSequences(), set[int]()
    for number in numbers:
        assert seen.add(number) == (number not in model)
        model.add(number)
    assert {number for number in range(70) if number in seen} == model
    assert seen.joined == 0


@given(numbers=st.lists(st.integers(0, 10**6)))
def test_its_intervals_are_disjoint_ascending_and_not_adjacent(numbers: list[int]) -> None:
    seen = SeenSequences()
    for number in numbers:
        seen.add(number)
    assert all(first <= last for first, last in zip(seen.firsts, seen.lasts, strict=True))
    assert all(last + 1 < first for last, first in zip(seen.lasts, seen.firsts[1:], strict=False))


@given(numbers=st.lists(st.integers(0, 10**4), max_size=200), intervals_max=st.integers(1, 8))
def test_it_stays_within_its_bound_and_forgets_nothing_it_saw(numbers: list[int], intervals_max: int) -> None:
    seen = SeenSequences()
    for number in numbers:
        seen.add(number, intervals_max=intervals_max)
        assert len(seen.firsts) <= intervals_max
    assert all(number in seen for number in numbers)


@given(numbers=st.lists(st.integers(0, 300), max_size=200), intervals_max=st.integers(1, 8))
def test_beyond_what_it_joined_through_it_is_exact(numbers: list[int], intervals_max: int) -> None:
    seen = SeenSequences()
    for number in numbers:
        seen.add(number, intervals_max=intervals_max)
    assert all(number <= seen.joined_through for number in range(300) if (number in seen) != (number in numbers))
    assert (seen.joined_through == -1) == (seen.joined == 0)


def test_numbers_in_order_are_one_interval() -> None:
    seen = SeenSequences()
    assert all(seen.add(number) for number in range(1000))
    assert (seen.firsts, seen.lasts) == ([0], [999])
    assert not seen.add(500)
