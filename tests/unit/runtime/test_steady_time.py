"""Steps of the machine's clock; times in seconds since it began at 1,000."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.steady_time import BELIEVED_AFTER_S, STEPPED_S_MAX, SteadyTime


def course(*steps: tuple[float, float], until: float, every: float = 1.0) -> list[float]:
    """What it says each `every` seconds, where the clock is set by (when, by how much)."""
    steady = SteadyTime(wall_s=1_000, monotonic_s=0)
    said = []
    for number in range(int(until / every) + 1):
        now = number * every
        wall = 1_000 + now + sum(by for at, by in steps if at <= now)
        said.append(steady.at_s(wall_s=wall, monotonic_s=now))
    return said


def test_without_a_step_it_is_the_wall_clock() -> None:
    assert course(until=300) == [1_000 + second for second in range(301)]


def test_a_step_forward_is_followed_at_once() -> None:
    assert course((10, 40), until=11) == [1_000 + second + (40 if second >= 10 else 0) for second in range(12)]


def test_a_step_back_that_is_taken_back_within_a_minute_is_never_noticed() -> None:
    assert course((10, -40), (22, 40), until=100) == [1_000 + second for second in range(101)]


def test_a_step_back_that_stays_is_followed_slowly_after_a_minute() -> None:
    said = course((10, -40), until=1_000)
    assert said[10 + int(BELIEVED_AFTER_S) - 1] == 1_000 + 10 + BELIEVED_AFTER_S - 1
    assert said == sorted(said), "it never runs back"
    assert said[-1] == 1_000 + 1_000 - 40


def test_a_clock_that_was_ahead_by_more_is_set_right_at_once_after_a_minute() -> None:
    said = course((10, -3_600), until=80)
    assert said[69] == 1_069
    assert said[70:] == [1_000 + second - 3_600 for second in range(70, 81)]


@given(
    steps=st.lists(st.tuples(st.integers(0, 200), st.integers(-int(STEPPED_S_MAX) // 5, 60)), max_size=5),
    every=st.sampled_from([0.1, 0.5, 1.0, 7.0]),
)
def test_small_steps_never_make_it_run_back_and_it_is_never_behind_the_clock(
    steps: list[tuple[int, int]], every: float
) -> None:
    said = course(*steps, until=250, every=every)
    assert said == sorted(said)
    for number, at in enumerate(said):
        now = number * every
        assert at >= 1_000 + now + sum(by for when, by in steps if when <= now) - 1e-6
