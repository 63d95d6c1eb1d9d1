"""`wardlight keys`: what seals names and secrets; where the database and its keys file are, not over the API."""

from typing import Annotated

import typer

from wardlight.api_client import JsonOption
from wardlight.service_commands import ConfigOption

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="the key's id, as `keys list` shows it")]


def add_to(app: typer.Typer) -> None:
    """Register `keys make|list|add|rotate|reencrypt|remove|recipient`."""
    keys = typer.Typer(help="The keys of names, secrets and research exports.", no_args_is_help=True)
    app.add_typer(keys, name="keys")
    _add_file(keys)
    _add_rotation(keys)


def _add_file(keys: typer.Typer) -> None:
    @keys.command()
    def make(config: ConfigOption = None) -> None:
        """Make the keys file that database.keys_file names, with its first key; an existing one stays."""
        from runtime.settings import Configuration
        from wardlight import keys_work

        file = keys_work.make(Configuration.read(file=config))
        typer.echo(
            f"Made {file}. Keep a copy of it elsewhere, apart from backups: without it no name can be read again."
        )

    @keys.command("list")
    def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
        """Every key by id, and how many rows it sealed; a key that rows need and that is missing, too."""
        from runtime.settings import Configuration
        from wardlight import keys_work
        from wardlight.arguments import moment_text
        from wardlight.printing import print_json, print_table, table

        found = keys_work.listed(Configuration.read(file=config))
        if as_json:
            print_json(found)
            return
        rows = [
            (
                key["key_id"],
                "missing" if key["made_at_ms"] is None else moment_text(key["made_at_ms"]),
                "current" if key["is_current"] else "",
                key["rows"],
            )
            for key in found
        ]
        print_table(table(("key", "made", "", "rows"), rows))

    @keys.command()
    def recipient(
        name: Annotated[str, typer.Argument(metavar="NAME", help="small letters, digits and hyphens")],
        config: ConfigOption = None,
    ) -> None:
        """Make the key of a recipient of research exports: their pseudonyms are like nobody else's."""
        from runtime.settings import Configuration
        from wardlight import keys_work

        keys_work.add_recipient(Configuration.read(file=config), name)
        typer.echo(f"Recipient {name} has a key.")


def _add_rotation(keys: typer.Typer) -> None:
    @keys.command()
    def add(config: ConfigOption = None) -> None:
        """Make a key that only opens for now: where services of several hosts read copies of the file, hand these out first."""
        from runtime.settings import Configuration
        from wardlight import keys_work

        key_id = keys_work.add(Configuration.read(file=config))
        typer.echo(f"Made key {key_id}. Once every host has the file, run `wardlight keys rotate --to {key_id}`.")

    @keys.command()
    def rotate(
        to: Annotated[str | None, typer.Option(metavar="KEY", help="this key; without it, a new one")] = None,
        config: ConfigOption = None,
    ) -> None:
        """Seal with a new key from now on; older ones go on opening what they sealed."""
        from runtime.settings import Configuration
        from wardlight import keys_work

        typer.echo(f"Key {keys_work.rotate(Configuration.read(file=config), to)} seals from now on.")

    @keys.command()
    def reencrypt(config: ConfigOption = None, as_json: JsonOption = False) -> None:
        """Seal with the current key what older ones sealed, some rows at a time; harmless to interrupt and to run again."""
        from runtime.settings import Configuration
        from wardlight import keys_work
        from wardlight.printing import print_json, progress

        done = 0
        with progress("Sealing") as bar:

            def tell(rows: int) -> None:
                nonlocal done
                done += rows
                bar(done, done)

            rows = keys_work.reseal(Configuration.read(file=config), tell)
        if as_json:
            print_json({"rows": rows})
        else:
            typer.echo(f"Sealed {rows} rows again; every row is under the current key.")

    @keys.command()
    def remove(key: KeyArgument, config: ConfigOption = None) -> None:
        """Take away a key that no row uses any more; backups made before may still need it."""
        from runtime.settings import Configuration
        from wardlight import keys_work

        keys_work.remove(Configuration.read(file=config), key)
        typer.echo(
            f"Key {key} is gone. Backups from before the last `keys reencrypt` need a copy of the file that has it."
        )
