"""PostgreSQL as docker-compose.yml has it: TLS and a password for everybody but the owner on this machine."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from storage.access import SERVICES, role_of
from storage.granting import grant
from storage.migrate import upgrade_database
from storage.session import Database
from tests.support.postgres_server import USER, PostgresServer, start_postgres
from tests.support.secured_kafka import server_certificates
from tests.support.servers import missing

HOST_RULES = f"""
host all {USER} 127.0.0.1/32 trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""


class SecuredPostgres:
    """A server, its authority, and the passwords of the services' roles."""

    def __init__(self, server: PostgresServer, certificates: Path) -> None:
        self._server = server
        self.ca_file = certificates / "authority.pem"
        self.passwords = {service: SecretStr(f"{service}0{server.port}") for service in SERVICES}

    def empty_database(self) -> str:
        """The owner's URL of a database with nothing in it."""
        return self._server.create_database()

    def create_database(self) -> str:
        """The owner's URL of a database with this program's schema, its roles and rights."""
        url = self._server.create_database()
        database = Database(url, connections_max=1)
        try:
            upgrade_database(database)
            grant(database, self.passwords)
        finally:
            database.close()
        return url

    def url(self, owners: str, service: str, **changes: str) -> str:
        """The same database for a service, over TLS; `changes` are of `password`, `host` and `sslrootcert`."""
        url = make_url(owners).set(
            username=role_of(service),
            password=changes.get("password", self.passwords[service].get_secret_value()),
            host=changes.get("host", "127.0.0.1"),
        )
        asked = {"sslmode": "verify-full", "sslrootcert": changes.get("sslrootcert", str(self.ca_file))}
        return url.update_query_dict(asked).render_as_string(hide_password=False)

    def owner(self, url: str) -> "psycopg.Connection[tuple[object, ...]]":
        """A plain connection of the owner's."""
        return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


@contextmanager
def running_secured_postgres() -> Iterator[SecuredPostgres]:
    """Started in a directory of its own, gone with its data at the end."""
    with tempfile.TemporaryDirectory(prefix="wardlight-postgres-tls-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        certificates = server_certificates(directory / "authority", "postgres")
        files = {"ssl": "on", "ssl_cert_file": "certificate.pem", "ssl_key_file": "key.pem"}
        data = directory / "server"
        data.mkdir()
        server = start_postgres(data, more=files, host_rules=HOST_RULES, certificates=certificates)
        if server is None:
            missing("PostgreSQL")
        try:
            yield SecuredPostgres(server, certificates)
        finally:
            server.stop()


@pytest.fixture(scope="session")
def secured_postgres() -> Iterator[SecuredPostgres]:
    """One for the whole run."""
    with running_secured_postgres() as server:
        yield server
