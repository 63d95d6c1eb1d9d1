"""The audit trail as a chain: what an entry says, its canonical bytes, its hash, and where a chain is broken. Pure.

The hash of entry n is SHA-256 over the hash of entry n - 1 and the canonical bytes of entry n, its number included. It is
not keyed: whoever holds an export can verify it with nothing but this page. What an unkeyed chain cannot show by itself,
that its tail was cut off or that all of it was written anew, an anchor kept elsewhere shows (docs/audit.md, ADR 0015).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

HASH_BYTES: Final = 32
GENESIS: Final = bytes(HASH_BYTES)
"""What stands for the hash before the first entry."""
TEXT_CHARACTERS_MAX: Final = 300
"""Longer names, subjects and addresses are cut."""
DETAIL_CHARACTERS_MAX: Final = 2000
"""Longer details are left out, and their place says so."""
FORMAT: Final = 1

Scalar = str | int | float | bool | None
Detail = Mapping[str, Scalar]


class AuditAction(StrEnum):
    """What was done; bounded."""

    SIGN_IN = "sign_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_OUT = "sign_out"
    LOCKED_OUT = "locked_out"
    BREAK_GLASS = "break_glass"
    REFUSED = "refused"
    """Somebody known asked for what they may not."""
    SEE = "see"
    EXPORT = "export"
    """Saw so much at once, or in such a form, that it can be carried away."""
    CHART = "chart"
    SET_SCALE = "set_scale"
    CORRECT = "correct"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SILENCE = "silence"
    """Kept alerts quiet for a time, or ended that early."""
    LABEL = "label"
    """Said of an alert whether it was worth it."""
    ADMIT = "admit"
    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    CHANGE_DEVICE = "change_device"
    """Added, assigned, released or swapped one."""
    REPLAY = "replay"
    """Sent refused messages down the path again."""
    CHANGE_PERSON = "change_person"
    CHANGE_GRANT = "change_grant"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of an action
    ISSUE_TOKEN = "issue_token"  # noqa: S105 - the name of an action
    REVOKE_TOKEN = "revoke_token"  # noqa: S105 - the name of an action
    CHANGE = "change"
    """Any other change of the system."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did what to whose data, when and from where; absent is None."""

    at_ms: int
    person_id: str
    name: str
    """The person's name as it was shown then."""
    action: AuditAction
    ward_id: str | None = None
    patient_id: str | None = None
    subject: str | None = None
    """What it was done to, where that is no patient: a device, an episode, a rejected message, a page."""
    detail: Detail = {}
    address: str | None = None
    """The network address that the request came from."""
    token_id: str | None = None
    """The API token used, where it was no session."""


class Link(NamedTuple):
    """One entry as it stands in the trail; texts as they are hashed."""

    number: int
    at_ms: int
    person_id: str
    name: str
    action: str
    ward_id: str | None
    patient_id: str | None
    subject: str | None
    detail: str
    """JSON."""
    address: str | None
    token_id: str | None
    hash: bytes


class Break(NamedTuple):
    """Where a chain is broken first."""

    number: int
    why: str
    """One sentence for people."""


class Verdict(NamedTuple):
    """What a verification found."""

    entries: int
    """Sound entries, from the first on."""
    last_hash: bytes
    """Of the last sound entry."""
    broken: Break | None


class Anchor(NamedTuple):
    """How far the trail had come, to be kept outside of it."""

    number: int
    hash: bytes


def linked(number: int, entry: AuditEntry, previous: bytes) -> Link:
    """`entry` as number `number` of the trail, behind the entry whose hash is `previous`."""
    bare = Link(
        number=number,
        at_ms=entry.at_ms,
        person_id=_text(entry.person_id),
        name=_text(entry.name),
        action=entry.action.value,
        ward_id=_optional(entry.ward_id),
        patient_id=_optional(entry.patient_id),
        subject=_optional(entry.subject),
        detail=_detail(entry.detail),
        address=_optional(entry.address),
        token_id=_optional(entry.token_id),
        hash=b"",
    )
    return bare._replace(hash=hash_of(bare, previous))


def hash_of(link: Link, previous: bytes) -> bytes:
    """The hash that belongs to `link` behind `previous`."""
    canonical = msgspec.json.encode([FORMAT, *link[:-1]])
    return hashlib.sha256(previous + canonical).digest()


def verify(links: Iterable[Link], *, anchor: Anchor | None = None) -> Verdict:
    """Walk the trail, in the order of its numbers, and stop at the first entry that is not what was written.

    With an `anchor`, the entry of its number must be there with its hash. Holds one entry in memory.
    """
    number, previous = 0, GENESIS
    for link, broken in _judged(links):
        if broken is not None:
            return Verdict(number, previous, broken)
        number, previous = link.number, link.hash
        if anchor is not None and number == anchor.number and previous != anchor.hash:
            why = f"Entry {number} is not the one that the anchor names: the trail was written anew up to there."
            return Verdict(number - 1, previous, Break(number, why))
    if anchor is not None and anchor.number > number:
        why = f"The trail ends with entry {number}, yet the anchor names entry {anchor.number}: its end was cut off."
        return Verdict(number, previous, Break(number + 1, why))
    return Verdict(number, previous, None)


def _judged(links: Iterable[Link]) -> Iterator[tuple[Link, Break | None]]:
    expected, previous = 1, GENESIS
    for link in links:
        broken = None
        if link.number > expected:
            gone = (
                f"Entry {expected} is"
                if link.number == expected + 1
                else f"Entries {expected} to {link.number - 1} are"
            )
            broken = Break(expected, f"{gone} missing.")
        elif link.number < expected:
            broken = Break(link.number, f"Entry {link.number} stands twice, or out of order.")
        elif hash_of(link, previous) != link.hash:
            why = f"Entry {link.number} is not what was written, or does not follow entry {link.number - 1}."
            broken = Break(link.number, why)
        yield link, broken
        expected, previous = link.number + 1, link.hash


def _text(text: str) -> str:
    """As both databases hold it: no NUL, no half of a surrogate pair, of bounded length."""
    whole = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "�")
    return whole if len(whole) <= TEXT_CHARACTERS_MAX else f"{whole[: TEXT_CHARACTERS_MAX - 1]}…"


def _optional(text: str | None) -> str | None:
    return None if text is None else _text(text)


def _detail(detail: Detail) -> str:
    kept = {_text(key): _text(value) if isinstance(value, str) else value for key, value in detail.items()}
    text = msgspec.json.encode(kept, order="sorted").decode()
    return text if len(text) <= DETAIL_CHARACTERS_MAX else '{"left_out":"too long"}'
