"""`wardlight devices`: which devices are known, who wears them since when, and who really did."""

from typing import Annotated

import typer

from runtime.clock import SystemClock
from vitals.errors import InvalidArgument
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_ms
from wardlight.corrections_command import order, sentence
from wardlight.printing import print_json, print_rows

DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE")]
FromOption = Annotated[str | None, typer.Option("--from", help="since when: a time, or how long ago; now without it")]


def add_to(app: typer.Typer) -> None:
    """Register `devices list|add|assign|swap|release|correct`."""
    devices = typer.Typer(help="Devices and who wears them.", no_args_is_help=True)
    app.add_typer(devices, name="devices")
    _add_known(devices)
    _add_worn(devices)
    _add_correct(devices)


def _add_known(devices: typer.Typer) -> None:
    @devices.command("list")
    def list_(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """All devices."""
        with api(url) as client:
            rows = client.get("devices")
        print_rows(rows, ("device_id", "ward_id", "patient_id", "assigned_from_ms"), as_json=as_json)

    @devices.command()
    def add(
        device: DeviceArgument,
        ward: Annotated[str, typer.Option(help="the ward it belongs to")] = "general",
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Make a device known; its readings are refused until it is assigned."""
        with api(url) as client:
            _say(client.post("devices", {"device_id": device, "ward_id": ward}), f"Added {device}.", as_json=as_json)


def _add_worn(devices: typer.Typer) -> None:
    @devices.command()
    def assign(
        device: DeviceArgument,
        patient: Annotated[str, typer.Argument(metavar="PATIENT")],
        from_: FromOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Say that this patient wears the device from a moment on."""
        now_ms = SystemClock().now_ms()
        from_ms = now_ms if from_ is None else moment_ms(from_, now_ms=now_ms)
        with api(url) as client:
            answer = client.post(f"devices/{device}/assign", {"patient_id": patient, "from_ms": from_ms})
        _say(answer, f"{device} is worn by {patient}.", as_json=as_json)

    @devices.command()
    def release(device: DeviceArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Say that nobody wears the device from now on."""
        with api(url) as client:
            answer = client.post(f"devices/{device}/release", {"at_ms": SystemClock().now_ms()})
        _say(answer, f"{device} is released.", as_json=as_json)

    @devices.command()
    def swap(
        device: DeviceArgument,
        other: Annotated[str, typer.Argument(metavar="OTHER", help="the device that takes its place")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Exchange two devices: each is worn by whom wore the other; one that nobody wears takes the other's place."""
        with api(url) as client:
            answer = client.post(f"devices/{device}/swap", {"with_device_id": other})
        worn = "; ".join(
            f"{each['device_id']} is worn by {each['patient_id'] if each['until_ms'] is None else 'nobody'}"
            for each in answer
        )
        _say(answer, f"{worn}.", as_json=as_json)


def _add_correct(devices: typer.Typer) -> None:
    @devices.command()
    def correct(
        device: DeviceArgument,
        since: Annotated[
            str, typer.Option("--since", help="since when it was on the wrong patient: 14:05, a time, or how long ago")
        ],
        reason: Annotated[str, typer.Option("--reason", help="what happened, for the record")],
        to: Annotated[str | None, typer.Option("--to", metavar="PATIENT", help="who wore it")] = None,
        nobody: Annotated[bool, typer.Option("--nobody", help="in place of --to: nobody wore it")] = False,
        until: Annotated[str | None, typer.Option("--until", help="until when; up to now without it")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Say that the device was on another patient than the register says: readings and alerts follow."""
        if (to is None) != nobody:
            raise InvalidArgument("Say who wore the device with --to PATIENT, or --nobody; one of the two.")
        now_ms = SystemClock().now_ms()
        from_ms = moment_ms(since, now_ms=now_ms)
        until_ms = None if until is None else moment_ms(until, now_ms=now_ms)
        with api(url) as client:
            answer = order(client, device, from_ms=from_ms, until_ms=until_ms, to=to, reason=reason)
        _say(answer, sentence(answer), as_json=as_json)


def _say(answer: object, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(sentence)
