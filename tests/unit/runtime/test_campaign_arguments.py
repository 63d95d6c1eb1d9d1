"""A campaign that is told to do nothing, or less, is refused in one sentence before anything starts: none may pass so."""

from collections.abc import Callable, Sequence

import pytest

from runtime.lifecycle import EXIT_USAGE
from tests.attacks import fuzz
from tests.chaos import __main__ as chaos
from tests.simulation import month, seeds, sequences, week
from tests.soak import __main__ as soak
from tests.soak import overload
from tests.soak.flatness import MEMORY, judge, judged_s_min

Main = Callable[[Sequence[str] | None], int]


@pytest.mark.parametrize(
    ("main", "said"),
    [
        (seeds.main, "--seeds 0"),
        (seeds.main, "--seeds 1 --jobs 0"),
        (seeds.main, "--first -3"),
        (seeds.main, "--minutes nan"),
        (sequences.main, "--sequences 0"),
        (sequences.main, "--sequences 1.5"),
        (fuzz.main, "--minutes -1"),
        (fuzz.main, "--examples 0"),
        (chaos.main, "--repetitions 0"),
        (chaos.main, "--at-a-time 0"),
        (chaos.main, "--minutes 0"),
        (soak.main, "--beds 0"),
        (soak.main, "--rate -20"),
        (soak.main, "--every 0"),
        (soak.main, "--warm-up inf"),
        (overload.main, "--minutes many"),
        (week.main, "--hours 0"),
        (month.main, "--partitions 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__module__,
)
def test_what_makes_no_campaign_is_refused_in_one_sentence(
    main: Main, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(said.split())
    assert ended.value.code == EXIT_USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    (sentence,) = shown.err.splitlines()
    assert said.split()[-2] in sentence
    assert " is not a " in sentence


def test_a_soak_too_short_to_judge_is_not_begun_and_is_told_how_long_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert soak.main(["--minutes", "4", "--warm-up", "2"]) == EXIT_USAGE
    assert "--minutes must be 8.5 or more" in capsys.readouterr().err


@pytest.mark.parametrize("late_s", [0.0, 2.0])
def test_what_is_sampled_for_as_long_as_is_asked_for_can_be_judged(late_s: float) -> None:
    every_s = 30.0
    samples = [(60 + n * every_s + n % 2 * late_s, 1.0) for n in range(int(judged_s_min(every_s) / every_s))]
    assert judge("memory", samples, warm_up_s=60, bound=MEMORY) is not None


def test_the_help_of_a_soak_says_what_goes_without_being_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        soak.main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for default in ("120 without it", "20 without it", "40 without it", "30 without it", "build/soak.jsonl without it"):
        assert default in shown
