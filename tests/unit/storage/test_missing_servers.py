"""A server that cannot be had: skipped where a person runs the tests, failed in CI."""

import pytest

from tests.support.servers import missing


def test_a_missing_server_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="PostgreSQL cannot be had"):
        missing("PostgreSQL")


def test_in_ci_a_missing_server_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="PostgreSQL cannot be had"):
        missing("PostgreSQL")
