"""What each stage did between two looks at a house."""

import pytest

from tests.soak.looks import Look, rates_between, settled_rates


def look(at_s: float, *, taken: float, stored: float, assessed: float, alerts_behind: float = 0) -> Look:
    """The house at that moment."""
    return Look(
        at_s=at_s, phase="x", taken=taken, stored=stored, assessed=assessed, lag={"alerts": alerts_behind},
        held=0, paused=0, waiting_on_devices=0,
    )  # fmt: skip


def test_counters_are_told_by_the_second() -> None:
    first = look(10, taken=1000, stored=900, assessed=500)
    last = look(20, taken=3000, stored=2700, assessed=1500)
    assert rates_between(first, last) == {"ingest": 200, "recorder": 180, "stream": 100, "alerts": 200}


@pytest.mark.parametrize(
    ("assessed", "behind", "does"), [(2000, 0, 200), (0, 0, 200), (2000, 2000, 100), (0, 1000, 100)]
)
def test_the_engine_of_alerts_does_what_does_not_pile_up_whatever_the_scorer_does(
    assessed: float, behind: float, does: float
) -> None:
    first = look(0, taken=0, stored=0, assessed=0)
    last = look(10, taken=2000, stored=0, assessed=assessed, alerts_behind=behind)
    assert rates_between(first, last)["alerts"] == pytest.approx(does)


def test_a_house_that_stands_still_does_nothing() -> None:
    still = [look(at_s, taken=5, stored=5, assessed=5) for at_s in (0, 5)]
    assert rates_between(*still) == {"ingest": 0, "recorder": 0, "stream": 0, "alerts": 0}


def test_a_phase_is_judged_by_its_second_half() -> None:
    taken = [0, 10, 20, 1020, 2020]
    phase = [look(5 * number, taken=each, stored=0, assessed=0) for number, each in enumerate(taken)]
    assert settled_rates(phase)["ingest"] == 200
