"""What an attacker tries with the link *seen*: nothing that was not made here says that anybody has seen anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.seen_links import notification_of, seen_token
from storage.signing import Signer
from vitals.errors import Forbidden

OURS, THEIRS = Signer(b"k" * 32), Signer(b"x" * 32)
UNTIL_MS = 1_790_000_000_000
TOKEN = seen_token(OURS, "n-1", UNTIL_MS)


def test_a_link_made_here_stands_for_its_notification_until_its_time() -> None:
    assert notification_of(OURS, TOKEN, now_ms=UNTIL_MS - 1) == "n-1"
    with pytest.raises(Forbidden, match="too old"):
        notification_of(OURS, TOKEN, now_ms=UNTIL_MS)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        "..",
        "n-1",
        TOKEN.replace("n-1", "n-2"),
        TOKEN.replace(str(UNTIL_MS), str(UNTIL_MS + 1)),
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN.upper(),
        TOKEN + "\n",
        " " + TOKEN,
        "ü." + TOKEN,
        TOKEN.rpartition(".")[0] + ".",
        seen_token(THEIRS, "n-1", UNTIL_MS),
        "n-1.x." + "0" * 40,
        TOKEN * 50,
    ],
)
def test_no_forgery_is_believed(forged: str) -> None:
    with pytest.raises(Forbidden):
        notification_of(OURS, forged, now_ms=UNTIL_MS - 1)


@given(forged=st.text(max_size=250).filter(lambda text: text != TOKEN))
def test_nothing_anybody_writes_is_believed_or_breaks_it(forged: str) -> None:
    with pytest.raises(Forbidden):
        notification_of(OURS, forged, now_ms=0)
