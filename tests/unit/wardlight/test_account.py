"""The demo's account: the contract's keys, a complaint for each thing amiss, and the exit code that follows."""

from dataclasses import replace

import pytest

from wardlight.account import Account
from wardlight.latency import percentiles_ms

NOTHING: dict[str, float | None] = {"p50": None, "p99": None}
GOOD = Account(
    published=100,
    accepted=100,
    rejected=0,
    scored=100,
    stored=100,
    lost=0,
    duplicated=0,
    redelivered=3,
    alerts_raised=2,
    alerts_resolved=1,
    reading_to_stored_ms={"p50": 80.0, "p99": 190.0},
    reading_to_alert_ms=NOTHING,
    unscored=0,
    unreceipted=0,
    is_drained=True,
)
KEYS = [
    "published", "accepted", "rejected", "scored", "stored", "lost", "duplicated", "redelivered",
    "alerts_raised", "alerts_resolved", "reading_to_stored_ms", "reading_to_alert_ms",
]  # fmt: skip


def test_the_json_has_exactly_the_keys_of_the_contract() -> None:
    assert list(GOOD.as_json()) == KEYS


def test_the_table_has_a_line_per_key() -> None:
    assert GOOD.as_table().row_count == len(KEYS)


def test_redelivered_and_rejected_are_no_failure() -> None:
    account = replace(GOOD, redelivered=50, rejected=7)
    assert list(account.complaints()) == []
    assert account.exit_code == 0


@pytest.mark.parametrize(
    "amiss",
    [
        replace(GOOD, lost=1),
        replace(GOOD, duplicated=2),
        replace(GOOD, unscored=1),
        replace(GOOD, unreceipted=4),
        replace(GOOD, is_drained=False),
    ],
)
def test_whatever_is_amiss_is_one_sentence_and_a_failure(amiss: Account) -> None:
    (complaint,) = amiss.complaints()
    assert complaint.endswith(".")
    assert amiss.exit_code == 1


def test_percentiles_are_milliseconds_and_absent_where_nothing_was_measured() -> None:
    assert percentiles_ms([]) == NOTHING
    assert percentiles_ms([0.1, 0.1, 0.1]) == {"p50": 100.0, "p99": 100.0}
