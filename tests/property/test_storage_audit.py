"""Whatever is done to a stored trail, verification finds it, and names the first entry that is not what was written."""

import hashlib
import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from storage.audit_chain import GENESIS, Anchor, AuditAction, AuditEntry, Link, linked, verify

texts = st.text(max_size=20)
details = st.dictionaries(texts, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts, max_size=3)
entries = st.builds(
    AuditEntry,
    at_ms=st.integers(0, 2**45),
    person_id=texts,
    name=texts,
    action=st.sampled_from(AuditAction),
    ward_id=st.none() | texts,
    patient_id=st.none() | texts,
    subject=st.none() | texts,
    detail=details,
    address=st.none() | texts,
    token_id=st.none() | texts,
)


def chain(said: list[AuditEntry]) -> list[Link]:
    """The trail that these entries make."""
    links: list[Link] = []
    for number, entry in enumerate(said, 1):
        links.append(linked(number, entry, links[-1].hash if links else GENESIS))
    return links


trails = st.lists(entries, min_size=1, max_size=8).map(chain)


def found_at(links: list[Link], anchor: Anchor | None = None) -> int | None:
    broken = verify(links, anchor=anchor).broken
    return None if broken is None else broken.number


@given(trails)
def test_what_was_appended_verifies(links: list[Link]) -> None:
    verdict = verify(links, anchor=Anchor(len(links), links[-1].hash))
    assert (verdict.entries, verdict.last_hash, verdict.broken) == (len(links), links[-1].hash, None)


@given(trails, st.data())
def test_an_edited_field_is_found_at_its_entry(links: list[Link], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(Link._fields[1:]))
    old: Any = getattr(links[index], field)
    new: Any
    if isinstance(old, bytes):
        new = bytes([old[0] ^ 1]) + old[1:]
    elif isinstance(old, int):
        new = old + data.draw(st.integers(1, 1000))
    else:
        new = data.draw(st.none() | texts)
        assume(new != old)
    values = links[index]._asdict() | {field: new}
    links[index] = Link(**values)
    assert found_at(links) == index + 1


@given(trails, st.data())
def test_a_removed_entry_is_found_at_its_number(links: list[Link], data: st.DataObject) -> None:
    anchor = Anchor(len(links), links[-1].hash)
    index = data.draw(st.integers(0, len(links) - 1))
    del links[index]
    assert found_at(links, anchor) == index + 1
    if index < len(links):
        assert found_at(links) == index + 1


@given(trails, st.data())
def test_a_removed_entry_whose_followers_were_numbered_anew_is_found_there(
    links: list[Link], data: st.DataObject
) -> None:
    assume(len(links) > 1)
    index = data.draw(st.integers(0, len(links) - 2))
    moved = [link._replace(number=link.number - 1) for link in links[index + 1 :]]
    assert found_at(links[:index] + moved) == index + 1


@given(trails, entries, st.data())
def test_an_inserted_entry_is_found_at_its_number(links: list[Link], more: AuditEntry, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(links) - 1))
    before = links[index - 1].hash if index else GENESIS
    forged = linked(index + 1, more, before)
    assume(forged.hash != links[index].hash)
    moved = [link._replace(number=link.number + 1) for link in links[index:]]
    assert found_at([*links[:index], forged, *moved]) == index + 2
    random_hash = forged._replace(hash=bytes(32))
    assert found_at([*links[:index], random_hash, *moved]) == index + 1


@given(trails, st.data())
def test_swapped_contents_are_found_at_the_first_of_both(links: list[Link], data: st.DataObject) -> None:
    assume(len(links) > 1)
    first, second = sorted(data.draw(st.sets(st.integers(0, len(links) - 1), min_size=2, max_size=2)))
    assume(links[first][1:] != links[second][1:])
    links[first], links[second] = (
        links[second]._replace(number=first + 1),
        links[first]._replace(number=second + 1),
    )
    assert found_at(links) == first + 1


@given(trails, st.data())
def test_reordered_rows_are_found(links: list[Link], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(links))
    assume(shuffled != links)
    place = next(index for index, link in enumerate(shuffled) if link.number != index + 1)
    assert found_at(shuffled) == place + 1


@given(trails, entries)
def test_a_trail_written_anew_fails_against_its_anchor(links: list[Link], other: AuditEntry) -> None:
    anchor = Anchor(len(links), links[-1].hash)
    assume(linked(1, other, GENESIS).hash != links[0].hash)
    forged = [linked(1, other, GENESIS)]
    for link in links[1:]:
        entry = AuditEntry(at_ms=link.at_ms, person_id=link.person_id, name=link.name, action=AuditAction(link.action))
        forged.append(linked(link.number, entry, forged[-1].hash))
    assert found_at(forged) is None
    assert found_at(forged, anchor) == len(links)


def test_the_hash_is_what_the_documentation_says() -> None:
    link = linked(1, AuditEntry(at_ms=7, person_id="ada", name="Ada", action=AuditAction.SEE, patient_id="p1"), GENESIS)
    words = [1, 1, 7, "ada", "Ada", "see", None, "p1", None, "{}", None, None]
    body = json.dumps(words, separators=(",", ":"), ensure_ascii=False).encode()
    assert link.hash == hashlib.sha256(bytes(32) + body).digest()
