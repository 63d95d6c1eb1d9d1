"""The verification that docs/notifications.md gives receivers to copy does what it says, against what we really send."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from alerts.channels.signing import REPLAY_WINDOW_S
from alerts.notification import Channel
from tests.support.channel_scene import AT_MS, SECRET, sending
from tests.support.endpoint import Asked, Endpoint
from tests.support.tree import text

pytestmark = pytest.mark.asyncio
NOW_S = AT_MS // 1000
IsOurs = Callable[[Mapping[str, str], bytes, str, float], bool]


def documented() -> IsOurs:
    """The function of the document, as it stands there."""
    (block,) = re.findall(r"```python\n(.*?)```", text("docs/notifications.md"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - our own document
    made: IsOurs = names["is_ours"]
    return made


async def sent(secret: str) -> Asked:
    async with Endpoint().listening() as server, sending() as send:
        await send(Channel.WEBHOOK, server.url(), secret=secret)
    return server.asked[0]


@pytest.mark.parametrize("secret", [SECRET, "a plain text of 24 bytes or more"])
async def test_what_we_send_is_believed_and_nothing_else(secret: str) -> None:
    asked, is_ours = await sent(secret), documented()
    headers = dict(asked.headers)
    assert is_ours(headers, asked.body, secret, NOW_S)
    rotated = {**headers, "webhook-signature": "v1,bm9uc2Vuc2U= " + headers["webhook-signature"]}
    assert is_ours(rotated, asked.body, secret, NOW_S)
    assert not is_ours(headers, asked.body + b" ", secret, NOW_S)
    assert not is_ours({**headers, "webhook-id": "n-2"}, asked.body, secret, NOW_S)
    assert not is_ours({**headers, "webhook-timestamp": str(NOW_S + 1)}, asked.body, secret, NOW_S)
    assert not is_ours({**headers, "webhook-signature": "v1,"}, asked.body, secret, NOW_S)
    assert not is_ours(headers, asked.body, "another text of 24 bytes or more", NOW_S)


async def test_a_request_played_again_after_the_window_is_refused() -> None:
    asked, is_ours = await sent(SECRET), documented()
    headers = dict(asked.headers)
    assert is_ours(headers, asked.body, SECRET, NOW_S + REPLAY_WINDOW_S)
    assert not is_ours(headers, asked.body, SECRET, NOW_S + REPLAY_WINDOW_S + 1)
    assert not is_ours(headers, asked.body, SECRET, NOW_S - REPLAY_WINDOW_S - 1)


async def test_the_documented_body_has_the_fields_that_travel() -> None:
    (body,) = [
        one for one in re.findall(r"```json\n(.*?)```", text("docs/notifications.md"), re.DOTALL) if "schema" in one
    ]
    asked = await sent(SECRET)
    documented_names, sent_names = (set(re.findall(r'"(\w+)":', one)) for one in (body, asked.body.decode()))
    assert documented_names - {"open"} == sent_names - {"open", "seen"}
