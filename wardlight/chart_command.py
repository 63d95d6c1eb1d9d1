"""`wardlight chart`: what a person observed of a patient; what was charted; and taking an entry back."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from runtime.clock import SystemClock
from vitals.errors import InvalidArgument
from vitals.sign import CONSCIOUSNESS_LETTERS, SIGN_FACTS, Sign
from wardlight.api_client import DEFAULT_URL, ApiClient, JsonOption, UrlOption, api
from wardlight.arguments import moment_ms, moment_text, observation, seconds
from wardlight.printing import print_json, print_table, table

_LIST_MAX = 50


def add_to(app: typer.Typer) -> None:
    """Register `chart`."""

    @app.command()
    def chart(
        patient: Annotated[str, typer.Argument(metavar="PATIENT", help="the patient's id (wardlight patients list)")],
        observations: Annotated[
            list[str] | None,
            typer.Argument(metavar="SIGN=VALUE…", help="such as acvpu=A o2=air flow=2 temp=36.8 pain=3"),
        ] = None,
        at: Annotated[str | None, typer.Option("--at", help="when it was observed: a time, or how long ago")] = None,
        note: Annotated[str | None, typer.Option("--note", help="what else there is to say")] = None,
        valid: Annotated[str | None, typer.Option("--valid", help="for how long it stands, such as 4h")] = None,
        scale: Annotated[int | None, typer.Option("--scale", help="NEWS2 SpO2 scale from then on: 1 or 2")] = None,
        prescribed_by: Annotated[
            str | None, typer.Option("--prescribed-by", help="the clinician who prescribed scale 2")
        ] = None,
        list_: Annotated[bool, typer.Option("--list", help="show what was charted, newest first")] = False,
        withdraw: Annotated[str | None, typer.Option("--withdraw", help="take back this entry (its id)")] = None,
        reason: Annotated[str | None, typer.Option("--reason", help="why it is taken back")] = None,
        key: Annotated[
            str | None, typer.Option("--key", help="idempotency key: sent again with it, the entry is still one")
        ] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Chart what was observed of a patient, in the name of whoever the token belongs to."""
        signs = _signs(observations or ())
        said = {
            "signs": signs or None,
            "note": note,
            "valid_for_s": None if valid is None else round(seconds(valid)),
        }
        named = {name: value for name, value in {**said, "scale": scale}.items() if value is not None}
        _check_request(named, list_=list_, withdraw=withdraw, reason=reason, prescribed_by=prescribed_by, scale=scale)
        observed_at = None if at is None else moment_ms(at, now_ms=SystemClock().now_ms())
        with api(url) as client:
            if list_:
                answer = client.get(f"patients/{patient}/charting", limit=_LIST_MAX)["entries"]
            elif withdraw is not None:
                entry = withdraw.removeprefix("charting/")
                answer = [client.post(f"patients/{patient}/charting/{entry}/withdraw", {"reason": reason})]
            else:
                answer = _chart(client, patient, said, scale, prescribed_by, observed_at, key)
        _say(answer, as_json=as_json)


def _check_request(
    named: Mapping[str, object],
    *,
    list_: bool,
    withdraw: str | None,
    reason: str | None,
    prescribed_by: str | None,
    scale: int | None,
) -> None:
    if list_ + (withdraw is not None) + bool(named) > 1:
        raise InvalidArgument("Do one thing at a time: chart, --list or --withdraw.")
    if withdraw is not None and not (reason or "").strip():
        raise InvalidArgument("Say why the entry is taken back: --reason TEXT.")
    if prescribed_by is not None and scale is None:
        raise InvalidArgument("--prescribed-by belongs to --scale.")
    if not list_ and withdraw is None and not named.keys() & {"signs", "note", "scale"}:
        raise InvalidArgument("There is nothing to chart: give SIGN=VALUE, --note or --scale, or ask with --list.")


def _signs(observations: Sequence[str]) -> dict[str, float]:
    signs: dict[str, float] = {}
    for text in observations:
        sign, value = observation(text, of_child=True)
        if sign.value in signs:
            raise InvalidArgument(f"{SIGN_FACTS[sign].label} is given twice.")
        signs[sign.value] = value
    return signs


def _chart(
    client: ApiClient,
    patient: str,
    said: Mapping[str, Any],
    scale: int | None,
    prescribed_by: str | None,
    observed_at: int | None,
    key: str | None,
) -> list[Any]:
    """The entries that the system made of it: the scale is one of its own, under its own permission."""
    name = key or uuid.uuid4().hex
    charted = []
    if said["signs"] is not None or said["note"] is not None:
        body = {**said, "observed_at": observed_at, "idempotency_key": name}
        charted.append(client.post(f"patients/{patient}/charting", body))
    if scale is not None:
        order = {"spo2_scale": scale, "prescribed_by": prescribed_by, "observed_at": observed_at}
        charted.append(client.post(f"patients/{patient}/spo2-scale", {**order, "idempotency_key": f"{name}-scale"}))
    return charted


def _say(entries: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(list(entries))
        return
    columns = ("observed at", "by", "what", "note", "entry", "taken back")
    print_table(table(columns, map(_row, entries)))


def _row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    withdrawn = entry["withdrawn"]
    return (
        moment_text(entry["observed_at_ms"]),
        entry["by"],
        ", ".join(_words(entry)),
        entry["note"],
        entry["entry_id"],
        None if withdrawn is None else f"by {withdrawn['by']}: {withdrawn['reason']}",
    )


def _words(entry: Mapping[str, Any]) -> list[str]:
    words = [_observed(Sign(name), value) for name, value in entry["signs"].items()]
    if entry["spo2_scale"] is not None:
        by = entry["spo2_scale_by"]
        words.append(f"SpO2 scale {entry['spo2_scale']}" + ("" if by is None else f" by {by}"))
    return words


def _observed(sign: Sign, value: float) -> str:
    if sign is Sign.CONSCIOUSNESS:
        return f"consciousness {CONSCIOUSNESS_LETTERS[int(value)]}"
    if sign is Sign.SUPPLEMENTAL_OXYGEN:
        return "on oxygen" if value > 0 else "on air"
    return f"{SIGN_FACTS[sign].label.lower()} {value:g}"
