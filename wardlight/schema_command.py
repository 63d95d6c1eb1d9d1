"""`wardlight schema`: the wire described for programs, as the documents hold it."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from runtime.lifecycle import EXIT_OK
from wardlight.wire_schema import asyncapi, json_schema


class Form(StrEnum):
    """In which form."""

    ASYNCAPI = "asyncapi"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema", help="Describe all topics and records: AsyncAPI 3, or JSON Schema 2020-12.")(schema)


def schema(form: Annotated[Form, typer.Argument(help="which description")] = Form.ASYNCAPI) -> int:
    """Print one description as JSON."""
    typer.echo(text_of(form), nl=False)
    return EXIT_OK


def text_of(form: Form) -> str:
    """The description as its file in docs/ holds it, to the last byte."""
    described = asyncapi() if form is Form.ASYNCAPI else json_schema()
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
