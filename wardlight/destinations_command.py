"""`wardlight destinations`: where notifications can go, and whether anything arrives there."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from runtime.clock import SystemClock
from runtime.lifecycle import EXIT_FAILED, EXIT_OK
from vitals.errors import InvalidArgument
from vitals.notification import Channel
from wardlight.api_client import DEFAULT_URL, ApiClient, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_rows

DestinationArgument = Annotated[
    str, typer.Argument(metavar="DESTINATION", help="its id, the id's first characters, or its name")
]
_COLUMNS: Final = ("destination_id", "name", "channel", "address", "of_house", "failing", "fault", "accepted_at_ms")
_SECRET_MAX: Final = 2000
_LOOK_S: Final = 0.5


def add_to(app: typer.Typer) -> None:
    """Register `destinations list|add|test|remove`."""
    destinations = typer.Typer(help="Where notifications can go.", no_args_is_help=True)
    app.add_typer(destinations, name="destinations")
    _add_kept(destinations)
    _add_tried(destinations)


def found(client: ApiClient, path: str, field: str, said: str) -> dict[str, Any]:
    """The one of `path` whose id is or begins with `said`, or whose name it is; raises InvalidArgument."""
    rows: list[dict[str, Any]] = client.get(path)
    matches = [row for row in rows if row[field] == said or row["name"] == said]
    matches = matches or [row for row in rows if row[field].startswith(said)]
    if len(matches) == 1:
        return matches[0]
    what = path.removesuffix("s")
    raise InvalidArgument(
        f"No {what} of yours is called {said!r}: see wardlight {path} list."
        if not matches
        else f"{len(matches)} {path} are called {said!r}: give more of the id."
    )


def _add_kept(destinations: typer.Typer) -> None:
    @destinations.command("list")
    def list_(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Your own, and the house's where you manage notifications; never their secrets."""
        with api(url) as client:
            rows = client.get("destinations")
        print_rows(rows, _COLUMNS, as_json=as_json)

    @destinations.command()
    def add(
        name: Annotated[str, typer.Argument(metavar="NAME")],
        channel: Annotated[Channel, typer.Argument()],
        address: Annotated[str, typer.Argument(metavar="ADDRESS", help="a URL; of an e-mail a mailbox")],
        secret_file: Annotated[
            str | None, typer.Option(help="a file with what signs or signs in; - for standard input")
        ] = None,
        template: Annotated[str | None, typer.Option(help="as the channel's documentation says")] = None,
        option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, as often as needed")] = None,
        house: Annotated[bool, typer.Option("--house", help="the house's rather than your own")] = False,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Keep an address; nothing goes there before a subscription or a ladder names it."""
        body = {
            "name": name,
            "channel": channel.value,
            "address": address,
            "secret": None if secret_file is None else _secret(secret_file),
            "template": template,
            "options": dict(_pair(one) for one in option or ()),
            "of_house": house,
        }
        with api(url) as client:
            answer = client.post("destinations", body)
        _say(answer, f"Added {name}: {answer['destination_id']}. Try it: wardlight destinations test.", as_json=as_json)

    @destinations.command()
    def remove(destination: DestinationArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Nothing goes there any more; its secret is deleted."""
        with api(url) as client:
            held = found(client, "destinations", "destination_id", destination)
            answer = client.delete(f"destinations/{held['destination_id']}")
        _say(answer, f"Removed {held['name']}.", as_json=as_json)


def _add_tried(destinations: typer.Typer) -> None:
    @destinations.command()
    def test(
        destination: DestinationArgument,
        seconds: Annotated[float, typer.Option("--for", min=0, max=60, help="how many seconds to wait for it")] = 15.0,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> int:
        """Send one notification that says nothing of anybody, and say whether it was accepted; fails where it was not."""
        with api(url) as client:
            held = found(client, "destinations", "destination_id", destination)
            tried = client.post(f"destinations/{held['destination_id']}/test", {})
            delivery = _awaited(client, str(tried["delivery_id"]), seconds)
        if as_json:
            print_json(delivery)
        else:
            for receipt in delivery["receipts"]:
                typer.echo(
                    " ".join(
                        filter(
                            None,
                            (moment_text(receipt["at_ms"]), receipt["state"], receipt["code"], receipt["detail"]),
                        )
                    )
                )
        return EXIT_OK if delivery["state"] == "accepted" else EXIT_FAILED


def _awaited(client: ApiClient, delivery_id: str, seconds: float) -> dict[str, Any]:
    clock = SystemClock()
    until_s = clock.monotonic_s() + seconds
    while True:
        delivery: dict[str, Any] = client.get(f"deliveries/{delivery_id}")
        if delivery["state"] in ("accepted", "failed", "expired") or clock.monotonic_s() >= until_s:
            return delivery
        asyncio.run(clock.sleep(_LOOK_S))


def _secret(file: str) -> str:
    try:
        text = sys.stdin.read(_SECRET_MAX + 1) if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"Cannot read the secret from {file}: {error}.") from error
    return text.strip()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidArgument(f"{text!r} is no option: write NAME=VALUE.")
    return name, value


def _say(answer: object, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(sentence)
