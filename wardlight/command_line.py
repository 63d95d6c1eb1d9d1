"""The command line with all its commands. Names, options and JSON keys are a contract; every failure is one sentence and an exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from runtime.lifecycle import EXIT_FAILED, EXIT_OK, EXIT_USAGE, say
from runtime.terminal import harmless
from vitals.errors import WardError
from wardlight import (
    alarm_load_command,
    alerts_command,
    audit_command,
    authority_command,
    backup_command,
    bench_command,
    chart_command,
    corrections_command,
    db_command,
    demo_command,
    destinations_command,
    devices_command,
    evaluate_command,
    export_command,
    history_command,
    keys_command,
    ladders_command,
    ledger_command,
    log_command,
    models_command,
    on_call_command,
    outcomes_command,
    patients_command,
    publish_commands,
    realism_command,
    rejected_command,
    schema_command,
    score_command,
    service_commands,
    status_command,
    subscriptions_command,
    users_command,
    version_command,
    watch_command,
)
from wardlight.api_client import give_tokens

app = typer.Typer(
    name="wardlight",
    help="Vital signs from wearables to the nurse's screen: nothing lost, everything explained.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for commands in (
    version_command,
    demo_command,
    service_commands,
    publish_commands,
    history_command,
    export_command,
    ledger_command,
    watch_command,
    alerts_command,
    ladders_command,
    on_call_command,
    destinations_command,
    subscriptions_command,
    audit_command,
    devices_command,
    patients_command,
    chart_command,
    outcomes_command,
    corrections_command,
    models_command,
    rejected_command,
    score_command,
    realism_command,
    alarm_load_command,
    evaluate_command,
    schema_command,
    users_command,
    db_command,
    keys_command,
    log_command,
    authority_command,
    backup_command,
    status_command,
    bench_command,
):
    commands.add_to(app)
give_tokens(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. What is wrong with the arguments, or with where it prints, is said in one sentence on stderr."""
    try:
        code = _run(arguments)
        _flush()
    except BrokenPipeError:
        _print_no_more()
        return EXIT_FAILED
    except OSError as error:
        if not _is_stuck():
            raise
        _print_no_more()
        sys.stderr.write(f"Cannot write to standard output: {error.strerror or error}.\n")
        return EXIT_FAILED
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = _command()(list(arguments), standalone_mode=False, prog_name="wardlight")
    except TyperException as error:
        text = error.format_message()
        if text.startswith("Usage:"):
            sys.stdout.write(f"{text}\n")
        else:
            sys.stderr.write(f"{harmless(_ended(text))} See {_command_of(error)} --help.\n")
        return EXIT_USAGE
    except WardError as error:
        return say(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else EXIT_OK


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _command_of(error: TyperException) -> str:
    """The command whose arguments are wrong, as it was called."""
    context: typer.Context | None = getattr(error, "ctx", None)
    return "wardlight" if context is None else context.command_path


def _is_stuck() -> bool:
    """Whether stdout takes nothing, not even one more line's end: then the error was its, and of no other file."""
    if sys.stdout is None:
        return False
    try:
        sys.stdout.write("\n")
        _flush()
    except OSError:
        return True
    return False


def _flush() -> None:
    if sys.stdout is not None:  # as it is where whoever starts us has closed it
        sys.stdout.flush()


def _print_no_more() -> None:
    """What stdout still holds goes nowhere, so that the interpreter does not stumble over it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@cache
def _command() -> Callable[..., Any]:
    """The tree of all commands, built once: it takes a while."""
    return get_command(app)
