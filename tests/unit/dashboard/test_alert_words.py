"""The page has words for everything that can be said of an alert."""

import re
from enum import StrEnum

import pytest

from tests.support.tree import text
from vitals.alert import AlertKind, Reason, TransitionKind
from vitals.label import Feedback

WORDS = text("dashboard/static/js/alert-words.js")


@pytest.mark.parametrize(
    ("name", "meant"), [("KIND_NAMES", AlertKind), ("STEP_NAMES", TransitionKind), ("REASONS", Reason)]
)
def test_every_kind_step_and_reason_has_its_words(name: str, meant: type[StrEnum]) -> None:
    found = re.search(rf"const {name} = {{(.*?)\n}};", WORDS, re.DOTALL)
    assert found is not None
    keys = set(re.findall(r'^  "?([\w-]+)"?:', found[1], re.MULTILINE))
    assert keys == {one.value for one in meant}


def test_every_feedback_has_its_words() -> None:
    assert set(re.findall(r'^  \["(\w+)", "', WORDS, re.MULTILINE)) == {one.value for one in Feedback}
