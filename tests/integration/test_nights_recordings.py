"""The rule of nights on recorded infections; the recordings are no part of this repository."""

from pathlib import Path

import pytest

from evaluation.nights import live_verdicts, nightsignal_verdicts, read_wearers

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT.parent / "shared" / "data" / "smartwatch_covid"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not RECORDINGS.exists(), reason=f"the recordings are not in {RECORDINGS}"),
]


def test_as_many_infections_are_noticed_as_by_the_simple_rule_at_no_more_than_half_its_false_nights() -> None:
    ours, theirs = [], []
    for wearer in read_wearers(RECORDINGS):
        ours.append(live_verdicts(wearer))
        theirs.append(nightsignal_verdicts(wearer, 4))
    assert sum(bool(each.noticed) for each in ours) >= sum(bool(each.noticed) for each in theirs)
    assert 2 * sum(sum(each.before) for each in ours) <= sum(sum(each.before) for each in theirs)
