"""The retention policy, and the trimmer on SQLite."""

from collections.abc import Iterator

import pytest

from runtime.settings import LogSettings
from storage.retention import DAY_MS, HOUR_MS, Cutoffs, RetentionSettings, check_retention, cutoffs, patient_cutoff_ms
from storage.session import Database
from tests.support.fresh_database import lay_schema
from tests.support.retention_contract import RetentionContract
from vitals.errors import ConfigurationError


class TestSqlite(RetentionContract):
    @pytest.fixture
    def database(self) -> Iterator[Database]:
        database = Database("sqlite://")
        lay_schema(database)
        yield database
        database.close()


def test_without_numbers_nothing_is_ever_due() -> None:
    assert cutoffs(RetentionSettings(), 10**12) == Cutoffs(None, None, None, None)
    assert not cutoffs(RetentionSettings(), 10**12).any


def test_each_kind_is_due_in_its_own_time() -> None:
    settings = RetentionSettings(readings_days=2, episodes_days=3)
    assert cutoffs(settings, 10 * DAY_MS) == Cutoffs(8 * DAY_MS, None, None, 7 * DAY_MS)


def test_an_open_alert_moves_its_patients_cutoff_back_and_never_forward() -> None:
    settings = RetentionSettings(readings_days=2, before_episode_h=24)
    assert patient_cutoff_ms(8 * DAY_MS, None, settings) == 8 * DAY_MS
    assert patient_cutoff_ms(8 * DAY_MS, 5 * DAY_MS, settings) == 4 * DAY_MS
    assert patient_cutoff_ms(8 * DAY_MS, 12 * DAY_MS, settings) == 8 * DAY_MS


def test_a_policy_shorter_than_the_log_is_refused_with_both_settings_named() -> None:
    log = LogSettings(retention_h=7 * 24)
    check_retention(RetentionSettings(readings_days=7), log)
    with pytest.raises(ConfigurationError, match=r"retention\.readings_days = 6.*log\.retention_h"):
        check_retention(RetentionSettings(readings_days=6), log)
    assert log.retention_h * HOUR_MS == 7 * DAY_MS
