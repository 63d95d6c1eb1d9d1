"""Research exports: the recipient's own pseudonyms and days, page by page, of enough patients, on record; and nothing else."""

import base64
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from dashboard.app import create_app
from runtime.keys_file import KeysInMemory
from storage import audit, research
from storage.identities import NAME_UNAVAILABLE
from tests.support.ward_scene import WARD, WardScene, ward_scene
from vitals.reading import DeviceId, Origin, PatientId, Reading
from vitals.sign import Sign

pytestmark = pytest.mark.asyncio
BASE_MS = 1_790_000_000_000
DAY_MS = 86_400_000
Served = tuple[WardScene, httpx.AsyncClient]
WINDOW = {"ward": WARD, "from": BASE_MS, "to": BASE_MS + DAY_MS}


def reading(bed: int, number: int) -> Reading:
    return Reading(
        reading_id=f"watch-{bed}/b/{number}",
        patient_id=PatientId(f"p{bed}"),
        device_id=DeviceId(f"watch-{bed}"),
        measured_at_ms=BASE_MS + number * 1000,
        received_at_ms=BASE_MS + number * 1000,
        signs={Sign.SPO2: 90.0 + bed, Sign.HEART_RATE: 60.0 + number},
        boot="b",
        sequence=number,
        origin=Origin.REAL,
    )


@pytest_asyncio.fixture
async def served() -> AsyncIterator[Served]:
    """Five patients with three readings each, a sixth with none; two recipients."""
    async with ward_scene() as scene:
        for bed in range(1, 7):
            scene.admit(str(bed), f"Nora Marked {bed}")
        scene.store([reading(bed, number) for bed in range(1, 6) for number in range(3)])
        keys = scene.database.keys
        assert isinstance(keys, KeysInMemory)
        for name in ("lab", "university"):
            keys.change(lambda ring, name=name: ring.with_recipient(name, now_ms=1))  # type: ignore[misc]
        transport = httpx.ASGITransport(create_app(scene.context()))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1/") as client:
            yield scene, client


async def get(served: Served, **asked: object) -> httpx.Response:
    return await served[1].get("research-export", params={**WINDOW, **asked})  # type: ignore[dict-item]


async def rows(served: Served, recipient: str, limit: int = 2) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    after: dict[str, str] = {}
    while True:
        answer = await get(served, recipient=recipient, limit=limit, **after)
        assert answer.status_code == 200, answer.text
        found += answer.json()["rows"]
        if answer.json()["next"] is None:
            return found
        after = {"after": answer.json()["next"]}


async def test_every_reading_comes_once_under_one_pseudonym_and_one_shift_of_whole_days(served: Served) -> None:
    found = await rows(served, "lab")
    assert await rows(served, "lab", limit=100) == found
    by_subject: dict[object, list[dict[str, object]]] = {}
    for row in found:
        by_subject.setdefault(row["subject"], []).append(row)
    assert [len(each) for each in by_subject.values()] == [3] * 5
    assert list(by_subject) == sorted(by_subject, key=str)
    for each in by_subject.values():
        shifts = {BASE_MS + number * 1000 - int(str(row["at_ms"])) for number, row in enumerate(each)}
        (shift,) = shifts
        assert shift % DAY_MS == 0
        assert 1 <= shift // DAY_MS <= research.SHIFT_DAYS_MAX


async def test_what_two_recipients_are_given_has_no_pseudonym_in_common(served: Served) -> None:
    lab, university = await rows(served, "lab"), await rows(served, "university")
    assert not {row["subject"] for row in lab} & {row["subject"] for row in university}
    assert sorted(str(row["signs"]) for row in lab) == sorted(str(row["signs"]) for row in university)


async def test_a_row_holds_nothing_but_pseudonym_time_and_signs(served: Served) -> None:
    answer = await get(served, recipient="lab")
    for row in answer.json()["rows"]:
        assert set(row) == {"subject", "at_ms", "signs"}
    ours = ("Marked", "watch-", NAME_UNAVAILABLE, *(f'"p{bed}"' for bed in range(1, 7)))
    assert not any(word in answer.text for word in ours)


async def test_where_the_next_page_begins_says_nothing_of_ours_and_holds_for_its_recipient_only(served: Served) -> None:
    following = (await get(served, recipient="lab", limit=1)).json()["next"]
    key_id, _, body = following.partition(".")
    read = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    assert served[0].database.keys.ring().has(key_id)
    for ours in (b"watch-", str(BASE_MS).encode(), BASE_MS.to_bytes(6, "big"), BASE_MS.to_bytes(6, "little")):
        assert ours not in read
        assert ours not in following.encode()
    again = (await get(served, recipient="lab", limit=1)).json()["next"]
    assert again != following, "nor that two of them are of one row"
    assert (await get(served, recipient="lab", after=following)).status_code == 200
    changed = following[:-4] + ("AAAA" if following[-4:] != "AAAA" else "BBBB")
    for recipient, after in (
        ("university", following),
        ("lab", changed),
        ("lab", f"{key_id}.A"),
        ("lab", "0" * 8 + ".AA"),
    ):
        refused = await get(served, recipient=recipient, after=after)
        assert (refused.status_code, "begin the export again" in refused.json()["message"]) == (422, True)


async def test_it_is_on_record_with_its_recipient_once_for_all_its_pages(served: Served) -> None:
    await rows(served, "lab")
    await rows(served, "university")
    with served[0].database.snapshot() as conn:
        kept = [link for link in audit.list_entries(conn, limit=50) if link.subject == "research-export"]
    assert [link.action for link in kept] == ["export", "export"]
    assert ['"recipient":"university"' in link.detail for link in kept] == [True, False]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"recipient": "nobody"}, 404, "wardlight keys recipient"),
        ({"recipient": "../x"}, 422, "recipient"),
        ({"recipient": "lab", "ward": "ward-9"}, 409, "Fewer than 5 patients"),
        ({"recipient": "lab", "from": BASE_MS + 5000}, 409, "Fewer than 5 patients"),
        ({"recipient": "lab", "to": BASE_MS + 400 * DAY_MS}, 422, "at most 366 days"),
        ({"recipient": "lab", "to": BASE_MS}, 422, "must end after it begins"),
        ({"recipient": "lab", "after": "p-1~x"}, 422, "after"),
        ({"recipient": "lab", "limit": 10_001}, 422, "limit"),
    ],
)
async def test_what_cannot_be_given_is_refused_in_one_sentence(
    served: Served, asked: dict[str, object], status: int, said: str
) -> None:
    answer = await get(served, **asked)
    assert answer.status_code == status
    assert said in answer.json()["message"]
