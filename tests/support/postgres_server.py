"""A private PostgreSQL on a free loopback port, from the system's binaries, and the fixtures that hand it out."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runtime.clock import SystemClock
from tests.support.servers import missing

START_S_MAX = 30
USER = "ward"


class PostgresServer:
    """One server on a free port, its data in one directory; `create_database` gives each test an empty one of its own."""

    def __init__(self, command: list[str], *, directory: Path, port: int) -> None:
        self._command = command
        self._directory = directory
        self.port = port
        self._databases = 0
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The postmaster's process id; for tests that stop it."""
        return self._process.pid

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database on this server."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"ward_{self._databases}"
        with psycopg.connect(f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres", autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def stop(self) -> None:
        """Fast shutdown by the server's own pid; connections are cut."""
        self._process.send_signal(signal.SIGINT)
        if not self._ended_within(START_S_MAX):
            self._process.kill()
            self._process.wait()

    def start_again(self) -> None:
        """After `stop`: the same data on the same port."""
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self._directory / "log").open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self._directory, stdout=output, stderr=output, start_new_session=True
            )
        clock = SystemClock()
        deadline_s = clock.monotonic_s() + START_S_MAX
        while True:
            try:
                psycopg.connect(
                    f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres", connect_timeout=5
                ).close()
            except psycopg.OperationalError as error:
                if self._ended_within(0.05) or clock.monotonic_s() > deadline_s:
                    self.stop()
                    raise RuntimeError(f"No PostgreSQL: {(self._directory / 'log').read_text()}") from error
            else:
                return self._process

    def _ended_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def start_postgres(
    directory: Path,
    *,
    more: Mapping[str, str] | None = None,
    host_rules: str | None = None,
    certificates: Path | None = None,
) -> PostgresServer | None:
    """A server with its data in `directory`, ready for connections; None where this machine has no PostgreSQL.

    `more` are settings beside its own, `host_rules` its pg_hba.conf where not everybody is trusted; of `certificates` it
    takes key.pem and certificate.pem as its own.
    """
    binaries = _binaries()
    account = _account()
    if binaries is None or (os.geteuid() == 0 and account is None):
        return None
    data = directory / "data"
    data.mkdir()
    if account is not None:
        for path in (directory, data):
            os.chown(path, account.pw_uid, account.pw_gid)
    initdb = [str(binaries / "initdb"), "--pgdata", str(data), "--username", USER, "--auth", "trust", "--no-sync"]
    made = subprocess.run(_as(account, initdb), cwd=directory, check=False, capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed: {made.stderr}")
    if host_rules is not None:
        (data / "pg_hba.conf").write_text(host_rules, encoding="utf-8")
    for file in () if certificates is None else (certificates / "key.pem", certificates / "certificate.pem"):
        _lay(file, data / file.name, account)
    port = _free_port()
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(data), "max_connections": "60"}
    options |= more or {}
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return PostgresServer(_as(account, command), directory=directory, port=port)


@contextmanager
def private_server() -> Iterator[PostgresServer]:
    """A server of the caller's own, gone with its data afterwards; the test is skipped where there is none to be had."""
    with tempfile.TemporaryDirectory(prefix="wardlight-postgres-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        server = start_postgres(directory)
        if server is None:
            missing("PostgreSQL")
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One private PostgreSQL for the whole run."""
    with private_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The SQLAlchemy URL of an empty database of the test's own."""
    return postgres_server.create_database()


def _binaries() -> Path | None:
    on_path = shutil.which("postgres")
    if on_path is not None:
        return Path(on_path).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    return None if newest is None else newest.parent


def _account() -> pwd.struct_passwd | None:
    """Whom to run as: PostgreSQL refuses root. None where we are nobody special, or no such account exists."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _lay(file: Path, there: Path, account: pwd.struct_passwd | None) -> None:
    shutil.copy(file, there)
    there.chmod(0o600)
    if account is not None:
        os.chown(there, account.pw_uid, account.pw_gid)


def _as(account: pwd.struct_passwd | None, command: list[str]) -> list[str]:
    if account is None:
        return command
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
