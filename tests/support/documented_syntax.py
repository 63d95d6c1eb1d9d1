"""Whether a documented `wardlight` command exists with these options and arguments; nothing is run."""

import functools
from collections.abc import Sequence
from typing import Any

import typer
import typer.main
from typer.exceptions import TyperException

from wardlight.command_line import app


def complaint_about(words: Sequence[str]) -> str | None:
    """What is wrong with `wardlight …`; None where it parses."""
    command, name, rest = _found(words[1:])
    if hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        return f"{name} has no command {rest[0]}"
    try:
        command.make_context(name, rest)
    except TyperException as error:
        return error.format_message()
    except typer.Exit:
        return None  # an option that answers by itself, such as --version
    return None


def is_a_name(words: Sequence[str]) -> bool:
    """Whether this only names a command that could not be typed so: it lacks its arguments, or is a group of others."""
    if words[0] != "wardlight":
        return False
    command, _, rest = _found(words[1:])
    if rest:
        return False
    if hasattr(command, "commands"):
        return not command.invoke_without_command
    return any(parameter.required for parameter in command.params)


def _found(words: Sequence[str]) -> tuple[Any, str, list[str]]:
    """The command that the words lead to, its name, and what is left of them."""
    command = _program()
    name, rest = "wardlight", list(words)
    while hasattr(command, "commands") and rest and rest[0] in command.commands:
        name = rest.pop(0)
        command = command.commands[name]
    return command, name, rest


@functools.cache
def _program() -> Any:
    """`wardlight` with all its commands, built once: parsing changes nothing of it."""
    return typer.main.get_command(app)
