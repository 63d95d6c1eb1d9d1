"""A TCP proxy between every two parties of a test cluster: what passes between two of them can be delayed, held back or cut.

One listening port a target; who connects is told by the process that holds the other end of the connection, read from
`/proc` (Linux), so that any two parties can be parted, brokers among them, and no party has to know of it. While a
link is held nothing is read, as when packets are lost: what was under way arrives after it is released, in order.
"""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

UNKNOWN = "unknown"
_HIGH_WATER_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What happens between two parties now."""

    delay_s: float = 0.0
    """Of every byte, in each direction."""
    is_held: bool = False
    """Nothing passes, nothing is refused: as where packets vanish."""
    is_cut: bool = False
    """Connections are reset, new ones too."""


WELL = Condition()


class Network:
    """All links of one cluster; lives on one event loop."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        """`pids` tells the process of each party that runs now."""
        self._pids = pids
        self._servers: list[asyncio.Server] = []
        self._conditions: dict[tuple[str, str], Condition] = {}
        self._pairs: set[_Pair] = set()
        self._ends: set[_End] = set()

    async def door(self, target: str, real_port: int, *, port: int = 0) -> int:
        """The loopback port at which everybody but its owner reaches `target`."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Near(self, target, real_port), "127.0.0.1", port)
        self._servers.append(server)
        taken: int = server.sockets[0].getsockname()[1]
        return taken

    def between(self, source: str, target: str) -> Condition:
        """What happens between these two; `target` is whom `source` connects to."""
        return self._conditions.get((source, target), WELL)

    def change(self, links: Iterable[tuple[str, str]], condition: Condition) -> None:
        """From now on this happens on these (source, target) links."""
        for link in links:
            self._conditions[link] = condition
            for pair in [pair for pair in self._pairs if pair.link == link]:
                pair.obey(condition)

    def heal(self) -> None:
        """All is well on every link again."""
        self.change(list(self._conditions), WELL)
        self._conditions.clear()

    def links(self) -> dict[tuple[str, str], int]:
        """How many connections each (source, target) has now."""
        counts: dict[tuple[str, str], int] = {}
        for pair in self._pairs:
            counts[pair.link] = counts.get(pair.link, 0) + 1
        return counts

    async def close(self) -> None:
        """Cut everything; returns once every connection has ended."""
        for server in self._servers:
            server.close()
        while self._ends:
            for end in [*self._ends]:
                end.abort()
            await asyncio.wait({end.ended for end in self._ends}, return_when=asyncio.FIRST_COMPLETED)

    def opened(self, end: "_End") -> None:
        """Remember a living connection."""
        self._ends.add(end)
        end.ended.add_done_callback(lambda _: self._ends.discard(end))

    def who(self, port: int, door: int) -> str:
        """The party whose connection leaves from loopback port `port` and comes in by `door`."""
        inode = _inode_of(port, door)
        if inode is not None:
            for name, pid in self._pids().items():
                if _holds(pid, inode):
                    return name
        return UNKNOWN

    def _took(self, pair: "_Pair") -> None:
        self._pairs.add(pair)
        pair.obey(self.between(*pair.link))

    def _lost(self, pair: "_Pair") -> None:
        self._pairs.discard(pair)


class _Pair:
    """One connection, both its ends."""

    def __init__(self, network: Network, link: tuple[str, str], near: "_End") -> None:
        self._network = network
        self.link = link
        self.condition = WELL
        self.near = near
        self.far: _End | None = None

    def obey(self, condition: Condition) -> None:
        self.condition = condition
        if condition.is_cut:
            self.cut()
            return
        for end in self._ends():
            end.settle()

    def cut(self) -> None:
        self._network._lost(self)
        for end in self._ends():
            end.abort()

    def other(self, end: "_End") -> "_End | None":
        return self.far if end is self.near else self.near

    def _ends(self) -> "list[_End]":
        return [end for end in (self.near, self.far) if end is not None]


class _End(asyncio.Protocol):
    """One end of a pair: reads from its party, hands on to the other end after the delay."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pair: _Pair | None = None
        self._transport: asyncio.Transport | None = None
        self._under_way: deque[tuple[float, bytes]] = deque()
        """What this end has read and the other has not been given, with the moment at which it is due; empty bytes end it."""
        self._timer: asyncio.TimerHandle | None = None
        self._has_read_all = self._has_written_all = False
        self._is_choked = False
        """The other end cannot write as fast as this one reads."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        self._transport = transport
        self._network.opened(self)

    def data_received(self, data: bytes) -> None:
        self._send_on(data)

    def eof_received(self) -> bool:
        self._has_read_all = True
        self._send_on(b"")
        self._close_if_done()
        return True

    def pause_writing(self) -> None:
        self._choke_other(is_choked=True)

    def resume_writing(self) -> None:
        self._choke_other(is_choked=False)

    def connection_lost(self, exc: Exception | None) -> None:
        pair = self._pair
        if pair is not None and (other := pair.other(self)) is not None:
            if exc is None:
                self._send_on(b"")
            else:
                other.abort()
            if other.is_gone:
                pair._network._lost(pair)
        self._transport = None
        self.ended.set_result(None)

    @property
    def is_gone(self) -> bool:
        """Whether its connection has ended."""
        return self._transport is None or self._transport.is_closing()

    def abort(self) -> None:
        """Reset it."""
        if self._timer is not None:
            self._timer.cancel()
        self._under_way.clear()
        if self._transport is not None:
            self._transport.abort()

    def write(self, data: bytes) -> None:
        """Give its party these bytes; none: no more will come."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if data:
            transport.write(data)
        elif not self._has_written_all:
            self._has_written_all = True
            with contextlib.suppress(OSError):
                transport.write_eof()
            self._close_if_done()

    def settle(self) -> None:
        """Read, and hand on, as the link's condition allows now."""
        transport, pair = self._transport, self._pair
        if pair is None:
            return
        may_read = not pair.condition.is_held and not self._is_choked and pair.far is not None
        if transport is not None and not transport.is_closing():
            if may_read:
                transport.resume_reading()
            else:
                transport.pause_reading()
        self._hand_on()

    def choke(self, *, is_choked: bool) -> None:
        """Whether to stop reading since the other end is full."""
        self._is_choked = is_choked
        self.settle()

    def _close_if_done(self) -> None:
        if self._has_read_all and self._has_written_all and self._transport is not None:
            self._transport.close()

    def _choke_other(self, *, is_choked: bool) -> None:
        other = None if self._pair is None else self._pair.other(self)
        if other is not None:
            other.choke(is_choked=is_choked)

    def _send_on(self, data: bytes) -> None:
        pair = self._pair
        if pair is None:
            return
        now_s = asyncio.get_running_loop().time()
        due_s = max(now_s + pair.condition.delay_s, self._under_way[-1][0] if self._under_way else 0.0)
        self._under_way.append((due_s, data))
        self._hand_on()

    def _hand_on(self) -> None:
        pair = self._pair
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if pair is None or pair.condition.is_held or (other := pair.other(self)) is None:
            return
        loop = asyncio.get_running_loop()
        while self._under_way and self._under_way[0][0] <= loop.time():
            other.write(self._under_way.popleft()[1])
        if self._under_way:
            self._timer = loop.call_at(self._under_way[0][0], self._hand_on)


class _Near(_End):
    """The end of whoever connects."""

    def __init__(self, network: Network, target: str, real_port: int) -> None:
        super().__init__(network)
        self._target = target
        self._real_port = real_port
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self._transport is not None
        self._transport.pause_reading()
        ports = (self._transport.get_extra_info(name)[1] for name in ("peername", "sockname"))
        source = self._network.who(*ports)
        self._pair = _Pair(self._network, (source, self._target), self)
        self._network._took(self._pair)
        if not self.is_gone:
            self._connecting = asyncio.create_task(self._connect(self._pair), name="proxy-connect")

    async def _connect(self, pair: _Pair) -> None:
        """To the target, once the link lets anything through."""
        try:
            _, far = await asyncio.get_running_loop().create_connection(
                lambda: _End(self._network), "127.0.0.1", self._real_port
            )
        except OSError:
            pair.cut()
            return
        far._pair = pair
        pair.far = far
        pair.obey(pair.condition)
        if self.is_gone:
            pair.cut()


def _inode_of(port: int, door: int) -> str | None:
    """The socket at the far side of the connection from loopback port `port` to `door`."""
    wanted = [f"0100007F:{port:04X}", f"0100007F:{door:04X}"]
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        columns = line.split()
        if columns[1:3] == wanted:
            return columns[9]
    return None


def _holds(pid: int, inode: str) -> bool:
    wanted = f"socket:[{inode}]"
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if str(Path(entry.path).readlink()) == wanted:
                        return True
    except OSError:
        return False
    return False
