"""The keys file: made once, closed to others, changed whole or not at all, seen when it changes, remembered when it is gone."""

from pathlib import Path

import pytest

from runtime.keyring import KeyMissing, Keyring
from runtime.keys_file import KeysFile
from tests.support.people_scene import HandClock
from vitals.errors import ConfigurationError, Conflict


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "safe" / "ward.keys"


def made(file: Path) -> KeysFile:
    keys = KeysFile(file, makes_itself=True, clock=HandClock())
    assert keys.make()
    return keys


def widened(ring: Keyring, now_ms: int) -> Keyring:
    return ring.with_key(now_ms=now_ms)


def test_it_is_made_once_and_closed_to_others(file: Path) -> None:
    keys = made(file)
    ring = keys.ring()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not keys.make()
    with pytest.raises(Conflict, match="there already"):
        keys.create()
    assert KeysFile(file).ring() == ring


def test_one_that_settings_name_is_never_made_by_itself(file: Path) -> None:
    keys = KeysFile(file)
    assert not keys.make()
    with pytest.raises(KeyMissing, match="is missing: bring back a copy"):
        keys.ring()


def test_what_others_may_read_or_change_is_refused(file: Path) -> None:
    made(file)
    for mode, is_refused in (
        (0o600, False),
        (0o400, False),
        (0o440, False),
        (0o604, True),
        (0o660, True),
        (0o606, True),
    ):
        file.chmod(mode)
        if is_refused:
            with pytest.raises(ConfigurationError, match="chmod 600"):
                KeysFile(file).ring()
        else:
            KeysFile(file).ring()


def test_a_change_is_seen_by_whoever_has_it_open(file: Path) -> None:
    keys, other = made(file), KeysFile(file)
    before = other.ring()
    after = keys.change(widened)
    assert other.ring() == after
    assert [key.key_id for key in after.keys][:-1] == [key.key_id for key in before.keys]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_change_that_fails_leaves_everything_as_it_was(file: Path) -> None:
    keys = made(file)
    before = file.read_bytes()
    with pytest.raises(Conflict, match="current one"):
        keys.change(lambda ring, _: ring.without(ring.current))
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_two_changes_at_once_are_told_so(file: Path) -> None:
    keys = made(file)
    file.with_name("ward.keys.new").touch()
    with pytest.raises(Conflict, match="another command is changing the keys"):
        keys.change(widened)


def test_a_file_that_vanishes_is_remembered_while_the_process_lives(file: Path) -> None:
    keys = made(file)
    ring = keys.ring()
    assert keys.trouble() is None
    file.unlink()
    assert keys.ring() == ring
    assert keys.trouble() == f"The keys file {file} is missing: bring back a copy of it."


def test_a_damaged_file_says_nothing_of_what_it_holds(file: Path) -> None:
    made(file)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ConfigurationError, match=r"^The keys file is damaged: bring back a copy of it\.$"):
        KeysFile(file).ring()
    file.write_bytes(b"x" * 1_000_001)
    with pytest.raises(ConfigurationError, match="too large"):
        KeysFile(file).ring()
