"""`wardlight devices`: which devices are known, and which patient wears them since when."""

from typing import Annotated

import typer

from runtime.clock import SystemClock
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.arguments import moment_ms
from wardlight.printing import print_json, print_rows

DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE")]
FromOption = Annotated[str | None, typer.Option("--from", help="since when: a time, or how long ago; now without it")]


def add_to(app: typer.Typer) -> None:
    """Register `devices list|add|assign|release`."""
    devices = typer.Typer(help="Devices and who wears them.", no_args_is_help=True)
    app.add_typer(devices, name="devices")

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


def _say(answer: object, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(sentence)
