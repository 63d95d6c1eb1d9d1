"""Who walks, by the steps a wearable counts."""

from stream.exertion import RECOVERY_MS, Steps


def counted(per_min: float, *, minutes: int, every_s: int = 60) -> Steps:
    """A counter that grows at this rate."""
    steps = Steps()
    for second in range(0, minutes * 60 + 1, every_s):
        steps.take(round(per_min * second / 60), second * 1000, "watch")
    return steps


def test_a_walk_is_seen_within_two_minutes_whatever_the_rate_of_readings() -> None:
    for every_s in (1, 10, 60):
        assert counted(100, minutes=2, every_s=every_s).is_exerted(120_000)


def test_a_few_steps_to_the_window_are_no_walk() -> None:
    assert not counted(15, minutes=30).is_exerted(30 * 60_000)


def test_the_body_has_five_minutes_to_recover() -> None:
    steps = counted(100, minutes=5)
    assert steps.is_exerted(5 * 60_000 + RECOVERY_MS)
    assert not steps.is_exerted(5 * 60_000 + RECOVERY_MS + 1)


def test_a_counter_set_anew_or_of_another_device_is_no_walk() -> None:
    steps = Steps()
    steps.take(100, 0, "watch")
    steps.take(5000, 60_000, "patch")
    assert not steps.is_exerted(60_000)
    steps.take(0, 120_000, "watch")
    steps.take(9000, 180_000, "watch")
    assert not steps.is_exerted(180_000)


def test_steps_far_apart_in_time_say_nothing_of_when_they_were_taken() -> None:
    steps = Steps()
    steps.take(0, 0, "watch")
    steps.take(3000, 3_600_000, "watch")
    assert not steps.is_exerted(3_600_000)
