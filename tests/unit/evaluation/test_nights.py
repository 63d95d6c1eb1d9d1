"""Which nights count as noticing an infection and which as false, and that both rules hear the same."""

import random

from evaluation.nights import Verdicts, Wearer, live_verdicts, nightsignal_verdicts

DAY_MS, MINUTE_MS = 86_400_000, 60_000
FIRST_DAY = 18_000


def wearer(rates: list[float], *, onset: int | None = None, seed: int = 1) -> Wearer:
    """Somebody who lies still from midnight to seven, a night for each rate."""
    source = random.Random(seed)
    events: list[tuple[int, float | None, float | None]] = []
    for number, rate in enumerate(rates):
        for minute in range(0, 7 * 60, 2):
            at_ms = (FIRST_DAY + number) * DAY_MS + minute * MINUTE_MS
            events.append((at_ms, rate + source.gauss(0, 1), None))
        events.append(((FIRST_DAY + number) * DAY_MS + 12 * 60 * MINUTE_MS, None, 1000.0 * number))
    return Wearer("w", None if onset is None else FIRST_DAY + onset, events)


def test_nights_around_the_onset_notice_and_those_long_before_are_false() -> None:
    verdicts = Verdicts("w", 100, {80: True, 85: False, 86: True, 100: True, 107: True, 108: True})
    assert verdicts.noticed == (-14, 0, 7)
    assert verdicts.before == (True, False)


def test_of_somebody_without_a_known_onset_nothing_is_noticed_and_nothing_false() -> None:
    verdicts = Verdicts("w", None, {80: True})
    assert (verdicts.noticed, verdicts.before) == ((), ())


def test_both_rules_notice_an_infection_that_raises_some_nights_by_eight_beats() -> None:
    ill = wearer([60.0] * 25 + [68.0] * 4 + [60.0] * 3, onset=27)
    for verdicts in (live_verdicts(ill), nightsignal_verdicts(ill, 4)):
        assert verdicts.noticed == (-1, 0, 1)
        assert not any(verdicts.before)


def test_the_simple_rule_judges_from_the_second_night_and_ours_after_a_week() -> None:
    restless = wearer([55.0, 67.0, 67.0, *[60.0] * 30], onset=30)
    assert sum(nightsignal_verdicts(restless, 4).before) == 1
    assert not any(live_verdicts(restless).before)
    assert min(live_verdicts(restless).nights) == FIRST_DAY + 7
