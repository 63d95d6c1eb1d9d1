"""The network of chaos campaigns: passes, delays, holds back and cuts between any two parties, and heals."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import Condition, Network

LINK = ("here", "echo")


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Network, int]]:
    ended: list[asyncio.Task[None]] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.extend(filter(None, [asyncio.current_task()]))
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    network = Network(lambda: {"here": os.getpid()})
    door = await network.door("echo", server.sockets[0].getsockname()[1])
    try:
        yield network, door
    finally:
        await network.close()
        server.close()
        await asyncio.gather(*ended)


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    writer.write(data)
    return await reader.readexactly(len(data))


@pytest.mark.asyncio
async def test_bytes_pass_both_ways_and_the_source_is_known_by_its_process() -> None:
    async with echoing() as (network, door):
        reader, writer = await asyncio.open_connection("127.0.0.1", door)
        big = bytes(range(256)) * 8192
        assert await asked(reader, writer, big) == big
        assert network.links() == {LINK: 1}
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert network.links() == {}


@pytest.mark.asyncio
async def test_what_was_under_way_on_a_held_link_arrives_in_order_after_it_is_healed() -> None:
    async with echoing() as (network, door):
        reader, writer = await asyncio.open_connection("127.0.0.1", door)
        await asked(reader, writer, b"before")
        network.change([LINK], Condition(is_held=True))
        writer.write(b"first")
        writer.write(b"second")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read(1)
        network.heal()
        assert await reader.readexactly(11) == b"firstsecond"
        writer.close()


@pytest.mark.asyncio
async def test_a_connection_made_while_the_link_is_held_works_once_it_is_healed() -> None:
    async with echoing() as (network, door):
        network.change([LINK], Condition(is_held=True))
        reader, writer = await asyncio.open_connection("127.0.0.1", door)
        writer.write(b"hello")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read(1)
        network.heal()
        assert await reader.readexactly(5) == b"hello"
        writer.close()


@pytest.mark.asyncio
async def test_a_cut_link_resets_what_is_there_and_what_comes() -> None:
    async with echoing() as (network, door):
        reader, writer = await asyncio.open_connection("127.0.0.1", door)
        await asked(reader, writer, b"before")
        network.change([LINK], Condition(is_cut=True))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        with contextlib.suppress(ConnectionError):
            later, its_writer = await asyncio.open_connection("127.0.0.1", door)
            assert await later.read() == b""
            its_writer.close()
        network.heal()
        reader, again = await asyncio.open_connection("127.0.0.1", door)
        assert await asked(reader, again, b"after") == b"after"
        writer.close()
        again.close()


@pytest.mark.asyncio
async def test_a_delayed_link_takes_longer_each_way_and_keeps_the_order_when_it_is_healed() -> None:
    async with echoing() as (network, door):
        reader, writer = await asyncio.open_connection("127.0.0.1", door)
        await asked(reader, writer, b"before")
        network.change([LINK], Condition(delay_s=0.03))
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        assert await asked(reader, writer, b"slow") == b"slow"
        assert loop.time() - begun_s >= 0.06
        writer.write(b"one")
        await asyncio.sleep(0)  # noqa: TID251 - the loop takes the bytes in before the link is healed
        network.heal()
        assert await asked(reader, writer, b"two") in {b"one", b"two"}
        writer.close()
