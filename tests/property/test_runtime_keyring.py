"""What is sealed opens where it was sealed, under the key that sealed it, unchanged; and nowhere else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.keyring import (
    KeyMissing,
    Keyring,
    Sealed,
    decode_keyring,
    encode_keyring,
    new_keyring,
)
from vitals.errors import ConfigurationError, MalformedRecord

RING = new_keyring(now_ms=0)
PLACES = st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
FEW = settings(max_examples=50, deadline=None)


@FEW
@given(plain=st.binary(max_size=300), place=PLACES)
def test_what_is_sealed_opens_where_it_was_sealed(plain: bytes, place: tuple[str, str, str]) -> None:
    assert RING.open(RING.seal(plain, place), place) == plain


@FEW
@given(plain=st.binary(max_size=50), place=PLACES, other=PLACES)
def test_a_ciphertext_opens_in_no_other_place(
    plain: bytes, place: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    sealed = RING.seal(plain, place)
    if place != other:
        with pytest.raises(MalformedRecord, match="changed, or belongs elsewhere"):
            RING.open(sealed, other)
    with pytest.raises(MalformedRecord):
        RING.open(sealed, ("".join(place),))


@FEW
@given(plain=st.binary(max_size=50), at=st.integers(min_value=0), change=st.integers(1, 255))
def test_no_changed_byte_opens(plain: bytes, at: int, change: int) -> None:
    sealed = RING.seal(plain, ("t", "c", "r"))
    body = bytearray(sealed.ciphertext)
    body[at % len(body)] ^= change
    with pytest.raises(MalformedRecord):
        RING.open(Sealed(sealed.key_id, bytes(body)), ("t", "c", "r"))


@FEW
@given(cut=st.integers(0, 28))
def test_nothing_that_was_cut_opens(cut: int) -> None:
    sealed = RING.seal(b"Ada", ("t", "c", "r"))
    with pytest.raises(MalformedRecord):
        RING.open(Sealed(sealed.key_id, sealed.ciphertext[:cut]), ("t", "c", "r"))


def test_what_one_key_sealed_does_not_open_under_anothers_name() -> None:
    wider = RING.with_key(now_ms=1)
    sealed = RING.seal(b"Ada", ("t", "c", "r"))
    with pytest.raises(MalformedRecord):
        wider.open(Sealed(wider.keys[-1].key_id, sealed.ciphertext), ("t", "c", "r"))


def test_an_unknown_key_is_named_with_what_to_do() -> None:
    with pytest.raises(KeyMissing, match="Key beefbeef is not in the keys file: bring back a copy"):
        RING.open(Sealed("beefbeef", b"x" * 99), ("t", "c", "r"))


def test_older_keys_open_after_a_rotation_and_the_new_one_seals() -> None:
    before = RING.seal(b"Ada", ("t", "c", "r"))
    wider = RING.with_key(now_ms=1)
    rotated = wider.sealing_with(wider.keys[-1].key_id)
    after = rotated.seal(b"Ada", ("t", "c", "r"))
    assert rotated.open(before, ("t", "c", "r")) == rotated.open(after, ("t", "c", "r")) == b"Ada"
    assert before.key_id == RING.current != after.key_id


@FEW
@given(first=st.text(max_size=50), second=st.text(max_size=50))
def test_lengths_of_short_texts_and_equal_texts_look_alike(first: str, second: str) -> None:
    one, other = (RING.seal(text.encode()[:60], ("t", "c", "r")) for text in (first, second))
    assert len(one.ciphertext) == len(other.ciphertext)
    assert RING.seal(b"Ada", ("t", "c", "r")) != RING.seal(b"Ada", ("t", "c", "r"))


@FEW
@given(
    rotations=st.integers(0, 4), recipients=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), unique=True)
)
def test_a_ring_comes_back_from_its_file_as_it_was(rotations: int, recipients: list[str]) -> None:
    ring = new_keyring(now_ms=1)
    for _ in range(rotations):
        ring = ring.with_key(now_ms=2)
    for name in recipients:
        ring = ring.with_recipient(name, now_ms=3)
    assert decode_keyring(encode_keyring(ring)) == ring


@FEW
@given(body=st.binary(max_size=200))
def test_no_other_bytes_are_a_ring_and_the_complaint_holds_none_of_them(body: bytes) -> None:
    with pytest.raises(ConfigurationError, match="bring back a copy of it"):
        decode_keyring(body)


def test_a_ring_shows_no_key_in_words() -> None:
    ring = new_keyring(now_ms=0).with_recipient("lab", now_ms=1)
    shown = f"{ring!r} {ring.keys!r} {ring.recipients!r} {ring}"
    assert not any(secret.hex() in shown or repr(secret) in shown for secret in _secrets(ring))


@FEW
@given(subject=st.text(min_size=1, max_size=20), other=st.text(min_size=1, max_size=20))
def test_pseudonyms_are_the_same_for_one_recipient_and_alike_for_no_two(subject: str, other: str) -> None:
    ring = RING.with_recipient("lab", now_ms=1).with_recipient("university", now_ms=1)
    assert ring.pseudonym("lab", subject) == ring.pseudonym("lab", subject)
    assert ring.pseudonym("lab", subject) != ring.pseudonym("university", subject)
    assert (ring.pseudonym("lab", subject) == ring.pseudonym("lab", other)) == (subject == other)


def _secrets(ring: Keyring) -> list[bytes]:
    return [*(key.secret for key in ring.keys), *(one.secret for one in ring.recipients), ring.index_secret]
