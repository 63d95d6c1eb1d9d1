"""`wardlight subscriptions`: who is told of which alerts, and what each was told."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from runtime.clock import SystemClock
from vitals.alert import AlertKind, Priority, TransitionKind
from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_text, seconds
from wardlight.destinations_command import found
from wardlight.printing import print_json, print_rows, print_table, table

SubscriptionArgument = Annotated[
    str, typer.Argument(metavar="SUBSCRIPTION", help="its id, the id's first characters, or its name")
]
_COLUMNS: Final = ("subscription_id", "name", "state", "destination_id", "wanted", "last_number", "state_reason")
_EVENT_COLUMNS: Final = ("number", "counted", "ward", "patient", "kind", "transition", "priority", "withheld", "text")
_LISTS: Final = ("wards", "patients", "kinds", "priorities", "transitions")


def add_to(app: typer.Typer) -> None:
    """Register `subscriptions list|add|show|remove|reactivate|off|events`."""
    subscriptions = typer.Typer(help="Who is told of which alerts.", no_args_is_help=True)
    app.add_typer(subscriptions, name="subscriptions")
    _add_listed(subscriptions)
    _add_made(subscriptions)
    _add_changed(subscriptions)


def _add_listed(subscriptions: typer.Typer) -> None:
    @subscriptions.command("list")
    def list_(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Your own, and the house's where you manage notifications."""
        with api(url) as client:
            rows = client.get("subscriptions")
        shown = rows if as_json else [{**row, "wanted": _wanted(row)} for row in rows]
        print_rows(shown, _COLUMNS, as_json=as_json)

    @subscriptions.command()
    def show(subscription: SubscriptionArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """One subscription, and its latest deliveries with what became of each."""
        with api(url) as client:
            held = found(client, "subscriptions", "subscription_id", subscription)
            sent = client.get("deliveries", subscription=held["subscription_id"], limit=20)
        if as_json:
            print_json({**held, "deliveries": sent})
            return
        typer.echo(f"{held['name']}: {held['state']} ({held['state_reason']}), told of {_wanted(held)}.")
        rows = [
            (
                moment_text(one["created_at_ms"]),
                one["number"],
                one["purpose"],
                one["state"],
                one["attempts"],
                _last_fault(one),
            )
            for one in sent
        ]
        print_table(table(("queued", "number", "purpose", "state", "attempts", "last fault"), rows))

    @subscriptions.command()
    def events(
        subscription: SubscriptionArgument,
        since: Annotated[int, typer.Option(min=0, help="the number of the last event that you have")] = 0,
        limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """What came after an event: for whoever was away, or saw a gap between two numbers."""
        with api(url) as client:
            held = found(client, "subscriptions", "subscription_id", subscription)
            answer = client.get(f"subscriptions/{held['subscription_id']}/events", since=since, limit=limit)
        if as_json:
            print_json(answer)
            return
        print_table(table(_EVENT_COLUMNS, map(_event_row, answer["events"])))
        if answer["next"] < answer["last_number"]:
            typer.echo(f"There are {answer['last_number'] - answer['next']} more: --since {answer['next']}.")


def _add_made(subscriptions: typer.Typer) -> None:
    @subscriptions.command()
    def add(
        name: Annotated[str, typer.Argument(metavar="NAME")],
        destination: Annotated[str, typer.Argument(metavar="DESTINATION")],
        ward: Annotated[list[str] | None, typer.Option(help="only this ward; as often as needed")] = None,
        patient: Annotated[list[str] | None, typer.Option(help="only this patient")] = None,
        kind: Annotated[list[AlertKind] | None, typer.Option(help="only this kind")] = None,
        priority: Annotated[list[Priority] | None, typer.Option(help="only this priority")] = None,
        transition: Annotated[
            list[TransitionKind] | None,
            typer.Option(help="exactly these steps, instead of what pages and what follows"),
        ] = None,
        quiet: Annotated[
            str | None, typer.Option(help="22:00-06:30@Europe/Berlin: then only high alerts are sent")
        ] = None,
        lasts: Annotated[str | None, typer.Option("--for", help="how long, such as 12h; without end otherwise")] = None,
        heartbeat: Annotated[str | None, typer.Option(help="a sign of life after so much silence, such as 5m")] = None,
        house: Annotated[bool, typer.Option("--house", help="the house's rather than your own")] = False,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Ask to be told; active once the destination has accepted a handshake."""
        with api(url) as client:
            body = {
                "name": name,
                "destination_id": found(client, "destinations", "destination_id", destination)["destination_id"],
                "wards": ward,
                "patients": patient,
                "kinds": _values(kind),
                "priorities": _values(priority),
                "transitions": _values(transition),
                "quiet": None if quiet is None else _quiet(quiet),
                "expires_at_ms": None if lasts is None else SystemClock().now_ms() + round(seconds(lasts) * 1000),
                "heartbeat_s": None if heartbeat is None else round(seconds(heartbeat)),
                "of_house": house,
            }
            answer = client.post("subscriptions", {key: value for key, value in body.items() if value != []})
        _say(answer, f"Asked for {name}: {answer['subscription_id']}, told of {_wanted(answer)}.", as_json=as_json)


def _add_changed(subscriptions: typer.Typer) -> None:
    @subscriptions.command()
    def remove(subscription: SubscriptionArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Nobody is told by it any more."""
        with api(url) as client:
            held = found(client, "subscriptions", "subscription_id", subscription)
            answer = client.delete(f"subscriptions/{held['subscription_id']}")
        _say(answer, f"Removed {held['name']}.", as_json=as_json)

    @subscriptions.command()
    def reactivate(
        subscription: SubscriptionArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL
    ) -> None:
        """Ask for it again after an error or an end: nothing does so by itself."""
        _order(subscription, "reactivate", as_json=as_json, url=url)

    @subscriptions.command()
    def off(subscription: SubscriptionArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Count and send nothing until it is asked for again."""
        _order(subscription, "off", as_json=as_json, url=url)


def _order(subscription: str, what: str, *, as_json: bool, url: str) -> None:
    with api(url) as client:
        held = found(client, "subscriptions", "subscription_id", subscription)
        answer = client.post(f"subscriptions/{held['subscription_id']}/{what}", {})
    _say(answer, f"{held['name']} is {answer['state']}.", as_json=as_json)


def _wanted(row: Mapping[str, Any]) -> str:
    named = [f"{name} {', '.join(row[name])}" for name in _LISTS if row[name]]
    return "; ".join(named) if named else "everything that its owner may see"


def _last_fault(delivery: Mapping[str, Any]) -> str | None:
    faults = [receipt["code"] for receipt in delivery["receipts"] if receipt["code"]]
    return faults[-1] if faults else None


def _event_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    if one["hidden"]:
        return (
            one["number"],
            moment_text(one["counted_at_ms"]),
            "",
            "",
            "",
            "",
            "",
            one["withheld"],
            "not yours to see",
        )
    return (
        one["number"],
        moment_text(one["counted_at_ms"]),
        one["ward_id"],
        one["patient_id"],
        one["kind"],
        one["transition"],
        one["priority"],
        one["withheld"],
        one["text"],
    )


def _values(listed: Sequence[AlertKind | Priority | TransitionKind] | None) -> list[str] | None:
    return None if not listed else [one.value for one in listed]


def _quiet(text: str) -> dict[str, str]:
    hours, at, zone = text.partition("@")
    from_, dash, until = hours.partition("-")
    if not (at and dash and zone):
        raise InvalidArgument(f"{text!r} are no quiet hours: write them as 22:00-06:30@Europe/Berlin.")
    return {"from": from_, "until": until, "time_zone": zone}


def _say(answer: object, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(sentence)
