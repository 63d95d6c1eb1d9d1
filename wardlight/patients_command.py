"""`wardlight patients`: who lies on which ward; admitting, moving and discharging."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from vitals.sex import Sex
from wardlight.api_client import DEFAULT_URL, JsonOption, UrlOption, api
from wardlight.printing import print_json, print_rows

PatientArgument = Annotated[str, typer.Argument(metavar="PATIENT", help="the patient's id")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="as the ward board shows it")]
WardOption = Annotated[str, typer.Option("--ward", help="the ward's id")]
BedOption = Annotated[str | None, typer.Option("--bed", help="the bed's label; in the corridor without it")]


def add_to(app: typer.Typer) -> None:
    """Register `patients list|admit|add|find|transfer|swap-beds|moves|born|sex|discharge`."""
    patients = typer.Typer(help="Patients.", no_args_is_help=True)
    app.add_typer(patients, name="patients")
    _add_stays(patients)
    _add_moves(patients)
    _add_facts(patients)


def _add_stays(patients: typer.Typer) -> None:
    @patients.command("list")
    def list_(
        ward: Annotated[str | None, typer.Option(help="only this ward")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Patients by ward and bed."""
        with api(url) as client:
            rows = client.get("patients", ward=ward)
        print_rows(rows, ("patient_id", "name", "ward_id", "bed"), as_json=as_json)

    @patients.command()
    def admit(
        name: NameArgument,
        ward: WardOption,
        bed: BedOption = None,
        born: Annotated[
            str | None, typer.Option(metavar="YYYY-MM-DD", help="date of birth; children are scored by age")
        ] = None,
        sex: Annotated[Sex | None, typer.Option(help="for the risk model and its audit; no score uses it")] = None,
        record: Annotated[
            str | None, typer.Option(metavar="NUMBER", help="the hospital's number of this person")
        ] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Admit a patient; prints the random id that stands for this patient everywhere."""
        with api(url) as client:
            said = {"sex": None if sex is None else sex.value, "record_number": record}
            body = {"name": name, "ward_id": ward, "bed": bed, "birth_date": born}
            answer = client.post("patients", body | {key: value for key, value in said.items() if value is not None})
        _say(answer, str(answer["patient_id"]), as_json=as_json)

    patients.command("add", help="The same as admit.")(admit)

    @patients.command()
    def find(
        record: Annotated[str, typer.Argument(metavar="NUMBER", help="the hospital's number of a person")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Every stay of the person with this record number, newest first."""
        with api(url) as client:
            rows = client.post("patients/find", {"record_number": record})
        print_rows(rows, ("patient_id", "name", "ward_id", "bed", "admitted_at_ms"), as_json=as_json)


def _add_moves(patients: typer.Typer) -> None:
    @patients.command()
    def transfer(
        patient: PatientArgument,
        ward: WardOption,
        bed: BedOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """The patient lies there from now on; open alerts and devices come along."""
        with api(url) as client:
            answer = client.post(f"patients/{patient}/transfer", {"ward_id": ward, "bed": bed})
        _say(answer, f"{patient} lies in {_place(answer)}.", as_json=as_json)

    @patients.command("swap-beds")
    def swap_beds(
        patient: PatientArgument,
        other: Annotated[str, typer.Argument(metavar="OTHER", help="who lies where the patient goes")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Two patients change places, in one step."""
        with api(url) as client:
            answer = client.post(f"patients/{patient}/swap-beds", {"with_patient_id": other})
        said = "; ".join(f"{each['patient_id']} lies in {_place(each)}" for each in answer)
        _say(answer, f"{said}.", as_json=as_json)

    @patients.command()
    def moves(patient: PatientArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Where the patient lay when, and who said so."""
        with api(url) as client:
            rows = client.get(f"patients/{patient}/moves")
        print_rows(rows, ("number", "at_ms", "ward_id", "bed", "by"), as_json=as_json)

    @patients.command()
    def discharge(patient: PatientArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """The patient leaves: bed and devices are free, open alerts end, history stays."""
        with api(url) as client:
            answer = client.post(f"patients/{patient}/discharge", {})
        _say(answer, f"{patient} has left.", as_json=as_json)


def _add_facts(patients: typer.Typer) -> None:
    @patients.command("born")
    def born(
        patient: PatientArgument,
        date: Annotated[str | None, typer.Argument(metavar="YYYY-MM-DD", help="without it: unknown, an adult")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Say when a patient was born: a child's readings are scored and limited by age from now on."""
        with api(url) as client:
            answer = client.post(f"patients/{patient}/birth-date", {"birth_date": date})
        said = "an unknown date" if date is None else date
        _say(answer, f"{patient} was born on {said}.", as_json=as_json)

    @patients.command("sex")
    def sex(
        patient: PatientArgument,
        sex: Annotated[Sex | None, typer.Argument(metavar="SEX", help="male, female, other or unknown")] = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Say a patient's sex: the risk model learns with it, and is audited by it; no score or limit uses it."""
        with api(url) as client:
            answer = client.post(f"patients/{patient}/sex", {"sex": None if sex is None else sex.value})
        _say(answer, f"The sex of {patient} is {'not said' if sex is None else sex.value}.", as_json=as_json)


def _say(answer: object, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(sentence)


def _place(patient: Mapping[str, Any]) -> str:
    bed = f"bed {patient['bed']}" if patient["bed"] else "no bed"
    return f"{bed} of ward {patient['ward_id']}"
