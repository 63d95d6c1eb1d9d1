"""`wardlight users`: who may sign in, their roles on wards, and tokens for programs."""

from typing import Annotated, Any

import typer

from runtime.settings import Configuration
from vitals.errors import Conflict, InvalidArgument, NotFound
from wardlight.api_client import DEFAULT_URL, ApiClient, JsonOption, UrlOption, api
from wardlight.arguments import moment_text
from wardlight.printing import print_json, print_rows, print_table, table
from wardlight.service_commands import ConfigOption

LoginArgument = Annotated[str, typer.Argument(metavar="LOGIN", help="the name they sign in with")]
RoleArgument = Annotated[str, typer.Argument(metavar="ROLE", help="nurse, physician, ward_manager, …")]
WardOption = Annotated[str | None, typer.Option("--ward", help="on this ward")]
EveryWardOption = Annotated[bool, typer.Option("--every-ward", help="on every ward, those to come included")]
ScopeOption = Annotated[list[str] | None, typer.Option("--scope", help="a permission; repeat it for more")]
WardsOption = Annotated[list[str] | None, typer.Option("--ward", help="only on this ward; repeat it for more")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=3660, help="for how long")]

PasswordOption = Annotated[
    str, typer.Option(envvar="WARDLIGHT_PASSWORD", prompt=True, hide_input=True, help="asked for if not given")
]


def add_to(app: typer.Typer) -> None:
    """Register `users list|add|grant|revoke|disable|enable|password` and `users token …`."""
    users = typer.Typer(help="People who sign in, their roles, and tokens for programs.", no_args_is_help=True)
    app.add_typer(users, name="users")
    _add_people(users)
    _add_roles(users)
    _add_accounts(users)
    tokens = typer.Typer(help="Tokens for programs.", no_args_is_help=True)
    users.add_typer(tokens, name="token")
    _add_tokens(tokens)
    _add_own_token(tokens)


def _add_people(users: typer.Typer) -> None:
    @users.command("list")
    def list_(as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Everybody who may sign in, with their roles."""
        with api(url) as client:
            people = client.get("people")
        if as_json:
            print_json(people)
        else:
            print_table(table(("login", "name", "roles", "signs in by", "closed since"), map(_row, people)))

    @users.command()
    def add(
        login: LoginArgument,
        name: Annotated[
            str | None, typer.Option("--name", help="as shown and put on record; the login without it")
        ] = None,
        administrator: Annotated[
            bool, typer.Option("--administrator", help="the first one: written into the database itself")
        ] = False,
        recover: Annotated[bool, typer.Option("--recover", help="also where there are administrators already")] = False,
        role: Annotated[str | None, typer.Option("--role", help="nurse, physician, ward_manager, …")] = None,
        ward: WardOption = None,
        every_ward: EveryWardOption = False,
        config: ConfigOption = None,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Somebody new; prints a one-time password. The first administrator needs no token: say --administrator."""
        if administrator:
            from runtime.clock import SystemClock
            from wardlight.first_administrator import make_administrator

            password = make_administrator(
                Configuration.read(file=config), SystemClock(), login=login, name=name or login, recover=recover
            )
            _tell(login, password, as_json=as_json)
            return
        grants = [] if role is None else [_grant(role, ward, every_ward=every_ward)]
        with api(url) as client:
            made = client.post("people", {"login": login, "name": name or login, "grants": grants})
        _tell(login, made["one_time_password"], as_json=as_json)


def _add_roles(users: typer.Typer) -> None:
    @users.command()
    def grant(
        login: LoginArgument,
        role: RoleArgument,
        ward: WardOption = None,
        every_ward: EveryWardOption = False,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Give a role on one ward (--ward W), or on every one (--every-ward)."""
        _order(url, login, "grant", _grant(role, ward, every_ward=every_ward), as_json=as_json)

    @users.command()
    def revoke(
        login: LoginArgument,
        role: RoleArgument,
        ward: WardOption = None,
        every_ward: EveryWardOption = False,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Take a role away again."""
        _order(url, login, "revoke", _grant(role, ward, every_ward=every_ward), as_json=as_json)


def _add_accounts(users: typer.Typer) -> None:
    @users.command()
    def disable(login: LoginArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Close an account: its sessions end at once, its tokens are dead."""
        _order(url, login, "disable", {}, as_json=as_json)

    @users.command()
    def enable(login: LoginArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Open a closed account again."""
        _order(url, login, "enable", {}, as_json=as_json)

    @users.command()
    def password(login: LoginArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """A new one-time password for somebody who forgot theirs; their sessions end, their tokens are revoked."""
        with api(url) as client:
            made = client.post(f"people/{_person(client, login)['person_id']}/password", {})
        _tell(login, made["one_time_password"], as_json=as_json)


def _add_tokens(tokens: typer.Typer) -> None:
    @tokens.command("add")
    def add(
        login: LoginArgument,
        name: Annotated[str, typer.Argument(metavar="NAME", help="what the program is")],
        by: Annotated[str, typer.Option("--by", metavar="LOGIN", help="the administrator who makes it")],
        password: PasswordOption,
        scope: ScopeOption = None,
        ward: WardsOption = None,
        days: DaysOption = 90,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """A token that shows (see_ward, see_status, see_ledger) in somebody's name; printed once. A token makes none."""
        with ApiClient(url) as client:
            if client.sign_in(by, password):
                raise Conflict("Choose a password of your own first: wardlight users token own, or the page.")
            path = f"people/{_person(client, login)['person_id']}/tokens"
            made = client.post(path, {"name": name, "scopes": _scopes(scope), "wards": ward, "days": days})
            client.post("sign-out", {})
        _tell_token(made, as_json=as_json)

    @tokens.command("list")
    def list_(login: LoginArgument, as_json: JsonOption = False, url: UrlOption = DEFAULT_URL) -> None:
        """Somebody's tokens, without their secrets."""
        with api(url) as client:
            rows = client.get(f"people/{_person(client, login)['person_id']}/tokens")
        shown = ("token_id", "name", "scopes", "wards", "created_by", "expires_at_ms", "used_at_ms", "revoked_at_ms")
        print_rows(rows, shown, as_json=as_json)

    @tokens.command()
    def revoke(
        login: LoginArgument,
        token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="its id, as list shows it")],
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """A token is dead from now on."""
        with api(url) as client:
            answer = client.post(f"people/{_person(client, login)['person_id']}/tokens/{token_id}/revoke", {})
        if as_json:
            print_json(answer)
        else:
            typer.echo(f"Revoked: {answer['name']}.")


def _add_own_token(tokens: typer.Typer) -> None:
    @tokens.command()
    def own(
        login: LoginArgument,
        name: Annotated[str, typer.Argument(metavar="NAME", help="what the program is")],
        password: PasswordOption,
        new_password: Annotated[
            str | None, typer.Option(envvar="WARDLIGHT_NEW_PASSWORD", help="instead of a one-time password")
        ] = None,
        scope: ScopeOption = None,
        ward: WardsOption = None,
        days: DaysOption = 90,
        as_json: JsonOption = False,
        url: UrlOption = DEFAULT_URL,
    ) -> None:
        """Sign in with a password and make a token of one's own: the way to the first one."""
        with ApiClient(url) as client:
            if client.sign_in(login, password):
                chosen = new_password or typer.prompt(
                    "A password of your own", hide_input=True, confirmation_prompt=True
                )
                client.post("me/password", {"old": password, "new": chosen})
                client.take_csrf()
                password = chosen
            body = {"name": name, "scopes": _scopes(scope), "wards": ward, "days": days}
            made = client.post("me/tokens", {**body, "password": password})
            client.post("sign-out", {})
        _tell_token(made, as_json=as_json)


def _grant(role: str, ward: str | None, *, every_ward: bool) -> dict[str, Any]:
    if (ward is None) != every_ward:
        raise InvalidArgument("Say where: --ward W for one ward, or --every-ward.")
    return {"role": role, "every_ward": True} if every_ward else {"role": role, "ward": ward}


def _order(url: str, login: str, action: str, body: dict[str, Any], *, as_json: bool) -> None:
    with api(url) as client:
        person = client.post(f"people/{_person(client, login)['person_id']}/{action}", body)
    if as_json:
        print_json(person)
    else:
        typer.echo(f"{person['login']}: {_roles(person) or 'no role'}{', closed' if person['disabled_at_ms'] else ''}.")


def _person(client: ApiClient, login: str) -> dict[str, Any]:
    for person in client.get("people"):
        if login.strip().lower() in (person["login"], person["person_id"]):
            found: dict[str, Any] = person
            return found
    raise NotFound(f"Nobody signs in as {login}: wardlight users list shows who does.")


def _scopes(scopes: list[str] | None) -> list[str]:
    if not scopes:
        raise InvalidArgument("Say what the program may: --scope see_ward, for example; repeat it for more.")
    return scopes


def _row(person: dict[str, Any]) -> list[object]:
    ways = [word for word, so in (("password", person["has_password"]), ("hospital", person["from_hospital"])) if so]
    closed = person["disabled_at_ms"]
    return [person["login"], person["name"], _roles(person), ", ".join(ways), closed and moment_text(closed)]


def _roles(person: dict[str, Any]) -> str:
    return ", ".join(f"{grant['role']} on {grant['ward'] or 'every ward'}" for grant in person["grants"])


def _tell(login: str, password: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"login": login, "one_time_password": password})
    else:
        typer.echo(
            f"{login} signs in once with {password}\nand then chooses a password of their own. It is not shown again."
        )


def _tell_token(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        typer.echo(
            f"{made['secret']}\nKeep it like a password: it is not shown again. Ends {moment_text(made['token']['expires_at_ms'])}."
        )
