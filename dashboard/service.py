"""The dashboard as a service: the live feed, its heart-beat and the web server, together until told to stop."""

import asyncio
import contextlib
import errno
import secrets
import socket
from collections.abc import Iterator

import structlog
import uvicorn

from dashboard.app import create_app
from dashboard.audit_trail import Trail
from dashboard.context import Context, Republish
from dashboard.crowd import protocol_of
from dashboard.fanout import Fanout
from dashboard.feed import Feed
from dashboard.flow import FlowWatch
from dashboard.oidc import Hospital
from dashboard.people_settings import PeopleSettings
from dashboard.sessions import Sessions
from dashboard.settings import DashboardSettings
from dashboard.sign_in import SignIn
from dashboard.sign_in_passwords import Passwords
from dashboard.sql_source import SqlSource
from runtime.blocking import Door
from runtime.bus import Bus
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from runtime.version import VERSION
from storage.ledger_settings import LedgerSettings
from storage.row_security import EVERY_ROW
from storage.session import Database
from vitals.errors import ConfigurationError

log = structlog.get_logger()


class Dashboard:
    """The pages, the API and the live feed. Binds its port when constructed, so that a taken one is told at once."""

    def __init__(
        self,
        *,
        bus: Bus,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        settings: DashboardSettings,
        people: PeopleSettings | None = None,
        republish: Republish | None = None,
        ledger: LedgerSettings | None = None,
    ) -> None:
        self._socket = listen(settings.host, settings.port)
        context = context_over(
            bus=bus,
            database=database,
            door=door,
            clock=clock,
            telemetry=telemetry,
            settings=settings,
            people=people,
            republish=republish,
            ledger=ledger,
        )
        self._is_tls = settings.tls_cert_file is not None
        self.feed = context.feed
        self._flow = context.flow
        self._fanout = context.fanout
        self._trail = context.trail
        self._settings = settings
        self._server = _Server(
            uvicorn.Config(
                create_app(context),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                loop="none",
                server_header=False,
                forwarded_allow_ips=list(settings.trusted_proxies),
                ssl_certfile=settings.tls_cert_file,
                ssl_keyfile=settings.tls_key_file,
                http=protocol_of(settings.door_bounds),
                timeout_keep_alive=settings.keep_alive_s,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_s)),
            )
        )

    @property
    def url(self) -> str:
        """Where the ward board is."""
        host, port = self._socket.getsockname()[:2]
        scheme = "https" if self._is_tls else "http"
        return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping`; streams end at once, open requests get `shutdown_s`."""
        halt = asyncio.Event()
        tasks = {
            "feed": asyncio.create_task(self.feed.run(halt), name="dashboard-feed"),
            "flow": asyncio.create_task(self._flow.run(halt), name="dashboard-flow"),
            "beat": asyncio.create_task(self.feed.beat(halt), name="dashboard-beat"),
            "watch": asyncio.create_task(self.feed.watch(halt), name="dashboard-watch"),
            "server": asyncio.create_task(self._server.serve(sockets=[self._socket]), name="dashboard-server"),
        }
        anchors = asyncio.create_task(
            self._trail.tell_anchor(every_s=self._settings.audit_anchor_every_s), name="dashboard-audit-anchors"
        )
        asked = asyncio.create_task(stopping.wait(), name="dashboard-stopping")
        log.info("dashboard_serves", url=self.url)
        try:
            await asyncio.wait({asked, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            halt.set()
            self._fanout.close()
            self._server.should_exit = True
            await asyncio.wait(set(tasks.values()))
            anchors.cancel()
            await asyncio.gather(anchors, return_exceptions=True)
            await self._trail.close(within_s=self._settings.shutdown_s)
            self._socket.close()
        for task in tasks.values():
            task.result()


def context_over(
    *,
    bus: Bus,
    database: Database,
    door: Door,
    clock: Clock,
    telemetry: Telemetry,
    settings: DashboardSettings,
    people: PeopleSettings | None = None,
    republish: Republish | None = None,
    ledger: LedgerSettings | None = None,
) -> Context:
    """What the routes stand on, with a feed that is not running yet."""
    database = database.seeing(EVERY_ROW)
    fanout = Fanout(
        browsers_max=settings.browsers_max,
        per_owner_max=settings.browsers_per_person_max,
        rounds_max=settings.browser_rounds_max,
        bytes_max=settings.browser_waiting_bytes_max,
        telemetry=telemetry,
        instance=secrets.token_hex(4),
    )
    source = SqlSource(database=database, door=door, clock=clock, limits=settings.ward_limits)
    feed = Feed(bus=bus, source=source, clock=clock, fanout=fanout, settings=settings, telemetry=telemetry)
    trail = Trail(database=database, door=door, clock=clock, telemetry=telemetry, limits=settings.trail_limits)
    people = PeopleSettings() if people is None else people
    passwords = Passwords(
        door=door,
        memory_kib=people.argon2_memory_kib,
        passes=people.argon2_passes,
        at_once_max=people.hashing_max,
    )
    guest = settings.sign_in == "guest"
    return Context(
        people=people,
        sessions=Sessions(database=database, door=door, clock=clock, settings=people, guest=guest),
        hospital=None if people.oidc_issuer is None else Hospital(people, clock=clock),
        sign_in=SignIn(
            database=database, door=door, clock=clock, settings=people, passwords=passwords, telemetry=telemetry
        ),
        database=database,
        door=door,
        bus=bus,
        clock=clock,
        feed=feed,
        flow=FlowWatch(bus=bus, database=database, door=door, clock=clock, seen=feed.seen),
        fanout=fanout,
        settings=settings,
        telemetry=telemetry,
        trail=trail,
        version=VERSION,
        republish=republish,
        ledger=LedgerSettings() if ledger is None else ledger,
    )


class _Server(uvicorn.Server):
    """Without signal handlers: the process's lifecycle owns signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ConfigurationError where the port is taken. Which hosts are allowed, settings say."""
    address = "127.0.0.1" if host == "localhost" else host
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(128)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            why = f"Port {port} of {address} is taken: stop what uses it, or set another dashboard.port (demo: --port)."
        else:
            why = f"Cannot listen on {address}:{port}: {error.strerror}."
        raise ConfigurationError(why) from error
    return listening
