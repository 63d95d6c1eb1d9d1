"""Settings of two rooms that must fit each other are held against each other where both stand in one process."""

from types import SimpleNamespace
from typing import cast

import pytest

from alerts.settings import AlertsSettings
from ingest.settings import IngestSettings
from runtime.settings import Configuration
from storage.foundation import Foundation
from vitals.errors import ConfigurationError
from wardlight.ward import Ward, check_settling


@pytest.mark.parametrize(("settle_s", "refresh_s"), [(0.5, 0.5), (2, 10), (0, 0.1)])
def test_a_correction_that_would_begin_before_ingest_knows_of_it_is_refused_in_a_sentence(
    settle_s: float, refresh_s: float
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_settling(AlertsSettings(corrections_settle_s=settle_s), IngestSettings(directory_refresh_s=refresh_s))
    assert str(refused.value) == (
        f"alerts.corrections_settle_s ({settle_s:g} s) must be longer than ingest.directory_refresh_s ({refresh_s:g} s):"
        " a correction begins only once ingest knows of it."
    )


@pytest.mark.parametrize(("key", "place"), [("clear_s", "clear_s"), ("lost_contact_s", "contact: {silence_s: …}")])
def test_a_setting_that_is_a_rule_now_says_where_it_went(key: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Configuration({"alerts": {key: 60}}).section("alerts", AlertsSettings)
    assert f"{key} is a rule now: write {place} into a rulebook, and name that in alerts.rules_file" in str(
        refused.value
    )


def test_the_defaults_fit() -> None:
    check_settling(AlertsSettings(), IngestSettings())


def test_one_process_refuses_examples_that_come_too_densely_to_wait_for_their_outcome() -> None:
    base = SimpleNamespace(configuration=Configuration({"trainer": {"waiting_per_patient_max": "10"}}))
    with pytest.raises(ConfigurationError, match=r"waiting_per_patient_max .* stream\.example_every_s"):
        Ward(cast("Foundation", base))
