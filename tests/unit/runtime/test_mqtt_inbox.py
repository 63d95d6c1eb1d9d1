"""What is held of MQTT messages, and in which order they are let go."""

import asyncio

import pytest

from runtime.mqtt import Received
from runtime.mqtt_inbox import Inbox, SessionLimits


def messages(count: int, *, payload: bytes = b"x") -> list[Received]:
    return [Received(topic=f"t/{index}", payload=payload, mid=index) for index in range(count)]


def filled(arrived: list[Received], *, held_messages_max: int = 100, held_bytes_max: int = 10_000) -> Inbox:
    inbox = Inbox(SessionLimits(held_messages_max=held_messages_max, held_bytes_max=held_bytes_max))
    for message in arrived:
        inbox.add(message)
    inbox.announce()
    return inbox


@pytest.mark.asyncio
async def test_what_has_arrived_is_taken_without_waiting_for_more() -> None:
    arrived = messages(3)
    inbox = filled(arrived)
    assert await inbox.take(2) == arrived[:2]
    assert await inbox.take(2) == arrived[2:]


@pytest.mark.asyncio
async def test_a_taker_waits_for_the_first_message() -> None:
    inbox = filled([])
    taking = asyncio.create_task(inbox.take(10))
    for message in messages(2):
        inbox.add(message)
    inbox.announce()
    assert [message.mid for message in await taking] == [0, 1]


@pytest.mark.asyncio
async def test_a_cancelled_taker_loses_nothing() -> None:
    inbox = filled([])
    taking = asyncio.create_task(inbox.take(10))
    await asyncio.wait({taking}, timeout=0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    inbox.add(messages(1)[0])
    inbox.announce()
    assert len(await inbox.take(10)) == 1


@pytest.mark.asyncio
async def test_a_closed_inbox_gives_what_it_has_and_then_nothing() -> None:
    inbox = filled(messages(1))
    inbox.close()
    assert len(await inbox.take(10)) == 1
    assert await inbox.take(10) == ()


@pytest.mark.asyncio
async def test_messages_are_released_in_arrival_order_whatever_the_order_of_the_work() -> None:
    arrived = messages(4)
    inbox = filled(arrived)
    assert list(inbox.release([arrived[1], arrived[3]])) == []
    assert list(inbox.release([arrived[0]])) == arrived[:2]
    assert list(inbox.release([arrived[2]])) == arrived[2:]
    assert len(inbox) == 0


@pytest.mark.asyncio
async def test_marks_count_messages_until_they_are_acknowledged_not_until_they_are_taken() -> None:
    arrived = messages(10)
    inbox = filled(arrived, held_messages_max=10)
    await inbox.take(10)
    assert (inbox.is_high, inbox.is_low) == (True, False)
    list(inbox.release(arrived[:5]))
    assert (inbox.is_high, inbox.is_low) == (False, True)
    assert inbox.high_water == 10


@pytest.mark.asyncio
async def test_a_few_large_messages_reach_the_mark_too() -> None:
    arrived = messages(2, payload=b"x" * 5000)
    inbox = filled(arrived, held_bytes_max=10_000)
    assert (inbox.is_high, inbox.is_low) == (True, False)
    list(inbox.release(arrived[:1]))
    assert (inbox.is_high, inbox.is_low) == (False, True)
