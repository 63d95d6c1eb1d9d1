"""`wardlight authority`: certificates for the doors of the MQTT broker: made, renewed and taken back."""

import os
from pathlib import Path
from typing import Annotated

import typer

from runtime.clock import SystemClock
from vitals.errors import InvalidArgument
from wardlight.api_client import JsonOption
from wardlight.arguments import moment_text
from wardlight.authority_register import Entry, Kind
from wardlight.printing import print_json, print_rows

PASSPHRASE = "WARDLIGHT_AUTHORITY_PASSPHRASE"  # noqa: S105 - the name of what holds it
DAYS = 397
_REQUEST_BYTES_MAX = 65_536
_SOON_MS = 30 * 86_400_000
RELOAD = (
    "Let the broker read it: send it SIGHUP, and look into its log whether it could. Connections that stand go on until they end:"
    " where that matters, restart the broker instead; devices keep their readings meanwhile."
)

DirectoryOption = Annotated[
    Path, typer.Option("--directory", envvar="WARDLIGHT_AUTHORITY", help="where the authority lies")
]
DaysOption = Annotated[int, typer.Option(min=1, max=3650, help="how long the certificate counts")]
RequestOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="a certificate request in PEM; its key then stays where it was made")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
KindArgument = Annotated[Kind, typer.Argument(metavar="device|service|subscriber|server")]
AlsoOption = Annotated[list[str] | None, typer.Option("--also", metavar="HOST", help="of a server: a further name")]
DEFAULT_DIRECTORY = Path("authority")


def add_to(app: typer.Typer) -> None:
    """Register `authority init|issue|rotate|revoke|list`."""
    authority = typer.Typer(help="A small certificate authority for the MQTT broker.", no_args_is_help=True)
    app.add_typer(authority, name="authority")
    _add_init(authority)
    _add_issue(authority)
    _add_rotate(authority)
    _add_revoke(authority)
    _add_list(authority)


def _add_init(authority: typer.Typer) -> None:
    @authority.command()
    def init(
        hosts: Annotated[list[str], typer.Argument(metavar="HOST...", help="names and addresses of the broker")],
        days: DaysOption = DAYS,
        directory: DirectoryOption = DEFAULT_DIRECTORY,
        as_json: JsonOption = False,
    ) -> None:
        """Make the authority, and the broker's certificate for these hosts."""
        from wardlight.authority import Authority

        made = Authority(directory, clock=SystemClock(), passphrase=_passphrase()).init(hosts, days=days)
        _say_issued(made.entry, made.directory, as_json=as_json)
        if not as_json:
            typer.echo(
                f"The broker mounts {made.directory} and nothing else of {directory}. Keep the keys in {directory}/devices and"
                f" {directory}/services where neither broker nor services can read them, and a copy of {directory} elsewhere."
            )


def _add_issue(authority: typer.Typer) -> None:
    @authority.command()
    def issue(
        kind: KindArgument,
        name: NameArgument,
        also: AlsoOption = None,
        request: RequestOption = None,
        days: DaysOption = DAYS,
        directory: DirectoryOption = DEFAULT_DIRECTORY,
        as_json: JsonOption = False,
    ) -> None:
        """A first certificate: of a device by its id, a service, a subscriber of alerts, or another server by its host."""
        from wardlight.authority import Authority

        if kind is Kind.BROKER:
            raise InvalidArgument("The broker's certificate is made by init: rotate it, or issue a server's.")
        if also and kind is not Kind.SERVER:
            raise InvalidArgument(f"A {kind} has no hosts: --also is for servers.")
        hosts = (name, *(also or ())) if kind is Kind.SERVER else ()
        made = Authority(directory, clock=SystemClock(), passphrase=_passphrase()).issue(
            kind, name, hosts=hosts, days=days, request=_request(request)
        )
        _say_issued(made.entry, made.directory, as_json=as_json)


def _add_rotate(authority: typer.Typer) -> None:
    @authority.command()
    def rotate(
        name: NameArgument,
        also: AlsoOption = None,
        request: RequestOption = None,
        days: DaysOption = DAYS,
        directory: DirectoryOption = DEFAULT_DIRECTORY,
        as_json: JsonOption = False,
    ) -> None:
        """A new certificate in the place of the one that lies there; the former counts too until it is revoked or ends."""
        from wardlight.authority import Authority

        made = Authority(directory, clock=SystemClock(), passphrase=_passphrase()).rotate(
            name, also=also or (), days=days, request=_request(request)
        )
        _say_issued(made.entry, made.directory, as_json=as_json)
        if as_json:
            return
        if made.entry.kind in {Kind.BROKER, Kind.SERVER}:
            typer.echo("A server reads it on SIGHUP (Mosquitto) or at its next start.")
        else:
            typer.echo(f"Once {name} uses it: wardlight authority revoke {name} --former")


def _add_revoke(authority: typer.Typer) -> None:
    @authority.command()
    def revoke(
        name: NameArgument,
        former: Annotated[bool, typer.Option("--former", help="all but the newest: after a rotation")] = False,
        serial: Annotated[str | None, typer.Option(help="only the certificate with this serial number")] = None,
        reason: Annotated[str, typer.Option(help="what happened, for the register")] = "unspecified",
        directory: DirectoryOption = DEFAULT_DIRECTORY,
        as_json: JsonOption = False,
    ) -> None:
        """Take back every certificate of this name, and write the list by which the broker refuses them."""
        from wardlight.authority import Authority

        if former and serial is not None:
            raise InvalidArgument("Say --former or --serial, one of the two.")
        revoked = Authority(directory, clock=SystemClock(), passphrase=_passphrase()).revoke(
            name, reason=reason, but_newest=former, serial=serial
        )
        if as_json:
            print_json({"name": name, "revoked": [entry.serial for entry in revoked]})
            return
        typer.echo(f"Revoked: {', '.join(entry.serial for entry in revoked) or 'nothing, it was so already'}. {RELOAD}")


def _add_list(authority: typer.Typer) -> None:
    @authority.command("list")
    def list_(directory: DirectoryOption = DEFAULT_DIRECTORY, as_json: JsonOption = False) -> None:
        """Every certificate, and which end soon."""
        from wardlight.authority import Authority

        clock = SystemClock()
        rows = [_row(entry, clock.now_ms()) for entry in Authority(directory, clock=clock).entries()]
        print_rows(rows, ("name", "kind", "state", "ends_at_ms", "serial", "reason"), as_json=as_json)


def _row(entry: Entry, now_ms: int) -> dict[str, object]:
    import msgspec

    return {**msgspec.to_builtins(entry), "state": _state(entry, now_ms)}


def _state(entry: Entry, now_ms: int) -> str:
    if entry.revoked_at_ms is not None:
        return "revoked"
    if now_ms >= entry.ends_at_ms:
        return "ended"
    return "ends soon" if entry.ends_at_ms - now_ms < _SOON_MS else "valid"


def _say_issued(entry: Entry, directory: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({**_row(entry, entry.issued_at_ms), "directory": str(directory)})
    else:
        typer.echo(f"{entry.name} ({entry.kind}), until {moment_text(entry.ends_at_ms)}: {directory}")


def _request(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            return opened.read(_REQUEST_BYTES_MAX)
    except OSError as error:
        raise InvalidArgument(f"Cannot read {file}: {error.strerror}.") from error


def _passphrase() -> bytes | None:
    return os.environ.get(PASSPHRASE, "").encode() or None
