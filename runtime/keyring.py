"""Keys of this installation, and what they seal: AES-256-GCM bound to the row it stands in. Pure but for random numbers.

A sealed value is `FORMAT, nonce of 96 random bits, ciphertext, tag`; which key sealed it stands beside it. The key's id and
the value's place (table, column, row) are authenticated with it, so that no ciphertext opens in another row, or under
another key's name. Random nonces hold for 2^32 values under one key (NIST SP 800-38D, 8.3): rotate long before.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vitals.errors import ConfigurationError, Conflict, InvalidArgument, MalformedRecord, NotFound

FORMAT: Final = 1
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
PADDED_TO_BYTES: Final = 64
"""Sealed texts are as long as the next multiple of this, so that their length says little."""
KEYS_MAX: Final = 100
RECIPIENTS_MAX: Final = 1000
_ID: Final = re.compile(r"[0-9a-f]{8,32}")
RECIPIENT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class KeyMissing(ConfigurationError):
    """What was sealed cannot be opened, or nothing can be sealed, because a key is not there."""


class NamedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key of 256 bits."""

    key_id: str
    secret: bytes
    made_at_ms: int

    def __repr__(self) -> str:
        return f"NamedKey({self.key_id!r})"


class Recipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose pseudonyms this key makes: nobody else's are alike."""

    name: str
    secret: bytes
    made_at_ms: int

    def __repr__(self) -> str:
        return f"Recipient({self.name!r})"


class Sealed(NamedTuple):
    """A ciphertext, and the id of the key that opens it."""

    key_id: str
    ciphertext: bytes


class Keyring(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every key of an installation: one seals, all open; one makes search tokens; one per recipient makes pseudonyms."""

    format: int = FORMAT
    current: str
    keys: tuple[NamedKey, ...]
    index_secret: bytes
    recipients: tuple[Recipient, ...] = ()

    def __repr__(self) -> str:
        return f"Keyring(current={self.current!r}, keys={[key.key_id for key in self.keys]!r})"

    def seal(self, plain: bytes, place: Sequence[str]) -> Sealed:
        """`plain` under the current key, to be opened at `place` (table, column, row) only."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = _cipher(self._key(self.current).secret).encrypt(nonce, _padded(plain), _bound(self.current, place))
        return Sealed(self.current, bytes([FORMAT]) + nonce + sealed)

    def open(self, sealed: Sealed, place: Sequence[str]) -> bytes:
        """What was sealed for `place`; raises KeyMissing, and MalformedRecord where it was changed or belongs elsewhere."""
        key = self._key(sealed.key_id)
        body = sealed.ciphertext
        if len(body) < 1 + NONCE_BYTES + _TAG_BYTES or body[0] != FORMAT:
            raise MalformedRecord(f"A sealed value of {_named(place)} has no format of ours.")
        nonce, ciphertext = body[1 : 1 + NONCE_BYTES], body[1 + NONCE_BYTES :]
        try:
            return _stripped(_cipher(key.secret).decrypt(nonce, ciphertext, _bound(key.key_id, place)))
        except InvalidTag:
            raise MalformedRecord(f"A sealed value of {_named(place)} was changed, or belongs elsewhere.") from None

    def search_token(self, purpose: str, text: str) -> str:
        """The same for the same text, and nothing about it to whoever lacks the key: HMAC-SHA-256, 256 bits as hex."""
        return hmac.digest(self.index_secret, _joined(("search", purpose, text)), "sha256").hex()

    def pseudonym(self, recipient: str, subject: str) -> str:
        """What stands for `subject` in what this recipient is given: HMAC-SHA-256 cut to 128 bits. Raises NotFound."""
        return f"p-{self.recipient_mac(recipient, 'pseudonym', subject)[:16].hex()}"

    def recipient_mac(self, recipient: str, purpose: str, text: str) -> bytes:
        """A number of 256 bits that follows from recipient, purpose and text. Raises NotFound."""
        for one in self.recipients:
            if one.name == recipient:
                return hmac.digest(one.secret, _joined((purpose, text)), "sha256")
        raise NotFound(f"There is no key for recipient {recipient[:64]!r}: run `wardlight keys recipient` first.")

    def has(self, key_id: str) -> bool:
        """Whether what this key sealed can be opened."""
        return any(key.key_id == key_id for key in self.keys)

    def with_key(self, *, now_ms: int) -> "Keyring":
        """One more key, which opens and does not seal yet; raises Conflict where there are `KEYS_MAX`."""
        if len(self.keys) >= KEYS_MAX:
            raise Conflict(f"There are {KEYS_MAX} keys already: remove those that no row uses.")
        return msgspec.structs.replace(self, keys=(*self.keys, new_key(now_ms=now_ms)))

    def sealing_with(self, key_id: str) -> "Keyring":
        """The same with this key as the current one; raises KeyMissing."""
        return msgspec.structs.replace(self, current=self._key(key_id).key_id)

    def without(self, key_id: str) -> "Keyring":
        """The same without this key; raises Conflict for the current one, KeyMissing where there is none."""
        key = self._key(key_id)
        if key_id == self.current:
            raise Conflict(f"Key {key_id} is the current one: rotate first.")
        return msgspec.structs.replace(self, keys=tuple(one for one in self.keys if one != key))

    def with_recipient(self, name: str, *, now_ms: int) -> "Keyring":
        """The same with a key for a new recipient; raises Conflict, InvalidArgument."""
        if RECIPIENT_NAME.fullmatch(name) is None:
            raise InvalidArgument("A recipient's name is 1 to 63 small letters, digits and hyphens.")
        if any(one.name == name for one in self.recipients):
            raise Conflict(f"Recipient {name} has a key already: with another one its pseudonyms would change.")
        if len(self.recipients) >= RECIPIENTS_MAX:
            raise Conflict(f"There are {RECIPIENTS_MAX} recipients already.")
        made = Recipient(name, secrets.token_bytes(KEY_BYTES), now_ms)
        return msgspec.structs.replace(self, recipients=(*self.recipients, made))

    def _key(self, key_id: str) -> NamedKey:
        for key in self.keys:
            if key.key_id == key_id:
                return key
        raise KeyMissing(f"Key {key_id[:32]} is not in the keys file: bring back a copy of the file that has it.")


def new_key(*, now_ms: int) -> NamedKey:
    """A random key under a random id."""
    return NamedKey(secrets.token_hex(4), secrets.token_bytes(KEY_BYTES), now_ms)


def new_keyring(*, now_ms: int) -> Keyring:
    """A ring of one key."""
    key = new_key(now_ms=now_ms)
    return Keyring(current=key.key_id, keys=(key,), index_secret=secrets.token_bytes(KEY_BYTES))


def encode_keyring(ring: Keyring) -> bytes:
    """As it stands in a file: JSON, keys in base64."""
    return msgspec.json.format(msgspec.json.encode(ring), indent=2) + b"\n"


def decode_keyring(body: bytes) -> Keyring:
    """From a file; raises ConfigurationError where it is none, without a word of what it holds."""
    try:
        ring = msgspec.json.decode(body, type=Keyring)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError("The keys file is damaged: bring back a copy of it.") from None
    ids = [key.key_id for key in ring.keys]
    secrets_held = [*(key.secret for key in ring.keys), *(one.secret for one in ring.recipients), ring.index_secret]
    if (
        ring.format != FORMAT
        or ring.current not in ids
        or len(set(ids)) != len(ids)
        or any(len(secret) != KEY_BYTES for secret in secrets_held)
        or not all(map(_ID.fullmatch, ids))
    ):
        raise ConfigurationError("The keys file is not one that this program can use: bring back a copy of it.")
    return ring


@lru_cache(maxsize=KEYS_MAX)
def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(secret)


def _bound(key_id: str, place: Sequence[str]) -> bytes:
    return _joined(("wardlight sealed", str(FORMAT), key_id, *place))


def _joined(parts: Sequence[str]) -> bytes:
    """Unambiguous: no two lists of parts are alike."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _padded(plain: bytes) -> bytes:
    """The length in four bytes, the text, and zeros up to a multiple of `PADDED_TO_BYTES`."""
    body = len(plain).to_bytes(4, "big") + plain
    return body + bytes(-len(body) % PADDED_TO_BYTES)


def _stripped(body: bytes) -> bytes:
    return body[4 : 4 + int.from_bytes(body[:4], "big")]


def _named(place: Sequence[str]) -> str:
    return ".".join(place[:2])
