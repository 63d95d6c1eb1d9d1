"""A capacity is found by offering more until it is too much, and what lies between until the two are close."""

import pytest

from tests.soak.capacity import TRIALS_MAX, WITHIN, CapacitySearch


def searched(first: float, capacity: float) -> tuple[CapacitySearch, list[float]]:
    """The search at its end in a house that does `capacity`, and what it offered."""
    search, offered = CapacitySearch(first), []
    while not search.is_over:
        offered.append(search.offered)
        search.tell(was_done=search.offered <= capacity)
    return search, offered


def test_it_doubles_until_it_is_too_much_and_then_halves_what_lies_between() -> None:
    search, offered = searched(800, 1450)
    assert offered == [800, 1600, 1200, 1400]
    assert (search.capacity, search.too_much) == (1400, 1600)


def test_a_first_offer_that_is_too_much_is_halved() -> None:
    assert searched(800, 250)[1][:3] == [800, 400, 200]


@pytest.mark.parametrize("first", [100, 800, 3000])
@pytest.mark.parametrize("capacity", [150, 999, 2000, 4100])
def test_what_it_finds_is_done_and_little_more_is_too_much(first: float, capacity: float) -> None:
    search, offered = searched(first, capacity)
    assert search.capacity <= capacity < search.too_much
    assert search.too_much <= WITHIN * search.capacity or len(offered) == TRIALS_MAX


def test_a_house_that_does_everything_or_nothing_ends_the_search_as_well() -> None:
    everything, offered = searched(100, float("inf"))
    assert (len(offered), everything.too_much) == (TRIALS_MAX, float("inf"))
    nothing, offered = searched(100, 0)
    assert (len(offered), nothing.capacity) == (TRIALS_MAX, 0)
