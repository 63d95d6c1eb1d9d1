"""ADWIN over half-hourly levels: what counts as a change, and that its state is only what it was fed."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from river.drift import ADWIN

from stream.drift import LEVELS_MAX, DriftParameters, DriftWatch, Stretch
from tests.support.examples import examples

HALF_HOUR_MS = 1_800_000
PARAMETERS = DriftParameters()


def watched(levels: list[float], watch: DriftWatch | None = None, *, start: int = 0) -> tuple[DriftWatch, list[int]]:
    """Levels each half hour; after which of them a change was told."""
    kept = DriftWatch(PARAMETERS) if watch is None else watch
    changes = [number for number, level in enumerate(levels, start=start) if kept.take(level, number * HALF_HOUR_MS)]
    return kept, changes


def test_a_step_is_told_within_hours_and_noise_is_not() -> None:
    source = random.Random(1)
    watch, changes = watched([source.gauss(80, 3) for _ in range(96)])
    assert not changes
    _, changes = watched([source.gauss(95, 3) for _ in range(48)], watch, start=96)
    assert 97 < changes[0] < 96 + 12


def test_it_has_settled_only_where_most_of_it_lies_together() -> None:
    together, _ = watched([90.0, 91.0] * 20)
    assert together.settled(2.0) is not None
    apart, _ = watched([80.0, 100.0] * 20)
    assert apart.settled(2.0) is None
    few, _ = watched([90.0] * 11)
    assert few.settled(2.0) is None


def test_a_long_pause_begins_anew() -> None:
    watch, _ = watched([90.0] * 40)
    watch.take(90.0, 40 * HALF_HOUR_MS + 13 * 3_600_000)
    assert len(watch.stretch.unpacked()) == 1


@examples(40)
@given(seed=st.integers(0, 10**6), steps=st.lists(st.tuples(st.integers(1, 120), st.floats(30, 200)), max_size=6))
def test_feeding_the_levels_again_gives_adwin_back_bit_for_bit(seed: int, steps: list[tuple[int, float]]) -> None:
    source = random.Random(seed)
    levels = [source.gauss(mean, 3) for count, mean in steps for _ in range(count)]
    watch, _ = watched(levels)
    assert len(watch.stretch.unpacked()) <= LEVELS_MAX
    blob = msgspec.msgpack.encode(watch.stretch)
    assert len(blob) < 320
    again = DriftWatch(PARAMETERS, msgspec.msgpack.decode(blob, type=Stretch))
    more = [source.gauss(120, 4) for _ in range(60)]
    for number, level in enumerate(more, start=len(levels)):
        at_ms = number * HALF_HOUR_MS
        assert watch.take(level, at_ms) == again.take(level, at_ms)
        assert watch.settled(3.0) == again.settled(3.0)
        mine, restored = watch._adwin, again._adwin
        assert (mine is None) == (restored is None)
        if mine is not None:
            assert mine._helper.__getstate__() == restored._helper.__getstate__()


def test_the_window_is_rivers_own_while_nothing_changes() -> None:
    levels = [80.0 + number % 3 for number in range(60)]
    watch, _ = watched(levels)
    plain = ADWIN(delta=PARAMETERS.delta, clock=1)  # type: ignore[no-untyped-call]
    for level in levels:
        plain.update(level)  # type: ignore[no-untyped-call]
    assert watch._adwin.width == plain.width == len(watch.stretch.unpacked())
