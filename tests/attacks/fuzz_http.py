"""Fuzzes the whole API from its own OpenAPI description: `make fuzz` for long, tests/attacks/test_fuzz_http.py for a while.

Each operation is asked with what fits its schema and with what does not, as an administrator, a nurse of one ward and nobody,
half of the time about things that exist. Whatever is sent, an answer may refuse, but must not break, tell of the inside,
show one ward to another's nurse, or come without the headers that every answer carries.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import hypothesis
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from dashboard.app import create_app
from dashboard.guard import SECURITY_HEADERS
from dashboard.permissions import RULES, Role, Where
from runtime.clock import SystemClock
from tests.support.people_scene import OTHER, OWN, PeopleScene, alert_of, people_scene

ENDLESS: Final = frozenset({"GET /api/v1/events"})
"""Streams until the browser leaves: attacked over a real socket instead (tests/attacks/test_http_slow_and_oversize.py)."""
OPENS_WARDS: Final = frozenset({"POST /api/v1/patients/{patient_id}/break-glass"})
"""By these a nurse may come to see another ward's patient, on record: not asked as a nurse."""
SECRET_OF_OTHER_WARD: Final = "Patient b"
INSIDE: Final = ("Traceback", "sqlalchemy", "sqlite3", "psycopg", 'File "', "pydantic", "site-packages")
"""Words of the inside that no answer may hold."""
MAY_BE_UNWELL: Final = frozenset({"GET /readyz"})
"""Says by 503 that the feed of the board, which these attacks do not run, is not ready: that is its answer."""
ANSWER_S_MAX: Final = 10.0
"""Generous: a machine may be busy. What is quadratic in what somebody sends takes longer."""
_KNOWN: Final[Mapping[str, Sequence[str]]] = {
    "patient_id": ("pa", "pb"),
    "device_id": ("watch-a", "watch-b"),
    "episode_id": (alert_of("pa", OWN).episode_id, alert_of("pb", OTHER).episode_id),
    "rejection_id": ("ra", "rb", "rx"),
    "silence_id": ("sa", "sb", "sx"),
    "ward_id": (OWN, OTHER),
    "number": ("0", "1"),
}
_CALLERS: Final = ("nobody", "nurse", "administrator")
_HELD: Final = {"report_multiple_bugs": False, "database": None, "deadline": None}


class Broken(AssertionError):
    """An answer that must not be."""


@dataclass
class Report:
    """What a run did."""

    requests: int = 0
    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "none")
    broken: list[str] = field(default_factory=list)

    def told(self) -> str:
        """On one line each: amounts, then whatever broke."""
        refused = sum(count for status, count in self.statuses.items() if 400 <= status < 500)
        head = (
            f"{self.requests} requests to {self.operations} operations: {refused} refused, {len(self.broken)} operations"
            f" broke; statuses {dict(sorted(self.statuses.items()))}; slowest {self.slowest[0]:.2f} s ({self.slowest[1]})"
        )
        return "\n".join([head, *self.broken])


def description() -> dict[str, Any]:
    """The API's own OpenAPI description."""

    async def described() -> dict[str, Any]:
        async with people_scene() as scene:
            return create_app(scene.context).openapi()

    return asyncio.run(described())


def fuzz(*, seed: int, examples: int, keys: Sequence[str] | None = None, until_s: float | None = None) -> Report:
    """Ask every operation (or those of `keys`) with so many examples of each kind as each caller; never raises for what broke."""
    clock = SystemClock()
    ends_s = None if until_s is None else clock.monotonic_s() + until_s
    found: list[Any] = list(schemathesis.openapi.from_dict(description()).get_all_operations())
    operations = [
        each
        for each in (one.ok() for one in found)
        if _key(each) not in ENDLESS and (keys is None or _key(each) in keys)
    ]
    random.Random(seed).shuffle(operations)
    report = Report()
    with asyncio.Runner() as runner:
        for operation in operations:
            if ends_s is not None and clock.monotonic_s() > ends_s:
                break
            report.operations += 1
            runner.run(_entered(partial(_attack_all, report, operation, seed, examples)))
    return report


def _attack_all(report: Report, operation: Any, seed: int, examples: int, target: "_Target") -> None:
    """Every caller in turn, who may do most last: what they change is gone with the ward."""
    cases = {mode: operation.as_strategy(generation_mode=mode) for mode in GenerationMode}
    for caller in _CALLERS:
        for mode in (GenerationMode.NEGATIVE,) if caller == "nobody" else tuple(GenerationMode):
            if caller == "nurse" and _key(operation) in OPENS_WARDS:
                continue
            try:
                _attack(report, cases[mode], caller, _key(operation), seed, examples, target)
            except Broken as error:
                report.broken.append(f"as {caller}, {mode.value}: {error}")


def _key(operation: Any) -> str:
    return f"{operation.method.upper()} {operation.path}"


async def _entered(attack: Callable[["_Target"], None]) -> None:
    """A fresh ward for one operation, attacked from a thread while this loop answers."""
    async with _target() as target:
        await asyncio.get_running_loop().run_in_executor(None, attack, target)


@dataclass
class _Target:
    scene: PeopleScene
    headers: Mapping[str, Mapping[str, str]]
    loop: asyncio.AbstractEventLoop

    def ask(self, case: Case[Any], path: str, caller: str) -> tuple[int, Mapping[str, str], str]:
        """Sent as it is; status, headers and text."""
        sent = {name: str(value) for name, value in (case.headers or {}).items()}
        headers = {name: value for name, value in sent.items() if _can_be_sent(name, value)} | {**self.headers[caller]}
        body: Any = {}
        if not isinstance(case.body, schemathesis.core.NotSet):
            raw = case.body if isinstance(case.body, bytes) else _json(case.body)
            body = {"content": raw}
            headers.setdefault("content-type", case.media_type or "application/json")
        request = self.scene.client.request(
            case.method, f"http://127.0.0.1:8080{path}", params=_flat(case.query), headers=headers, **body
        )
        answer = asyncio.run_coroutine_threadsafe(request, self.loop).result()
        return answer.status_code, answer.headers, answer.text


@contextlib.asynccontextmanager
async def _target() -> AsyncIterator[_Target]:
    async with people_scene() as scene:
        scene.furnish()
        admin = await scene.add("root", *((role, None) for role in Role), password=None)
        nurse = await scene.add("kim", (Role.NURSE, OWN), password=None)
        tokens = {"administrator": scene.token(admin), "nurse": scene.token(nurse), "nobody": {}}
        yield _Target(scene, tokens, asyncio.get_running_loop())


def _attack(
    report: Report,
    cases: st.SearchStrategy[Case[Any]],
    caller: str,
    key: str,
    seed: int,
    examples: int,
    target: _Target,
) -> None:
    clock = SystemClock()

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=examples, suppress_health_check=list(HealthCheck), **_HELD)  # type: ignore[arg-type]
    @given(case=cases, about=st.randoms(use_true_random=False))
    def attacked(case: Case[Any], about: random.Random) -> None:
        path = _path(case, about)
        began_s = clock.monotonic_s()
        status, headers, text = target.ask(case, path, caller)
        lasted_s = clock.monotonic_s() - began_s
        report.requests += 1
        report.statuses[status] += 1
        report.slowest = max(report.slowest, (lasted_s, key))
        fault = _fault(key, caller, status, headers, text, lasted_s)
        if fault is not None:
            shown = f"{case.method} {path} query={case.query!r} body={case.body!r}"
            raise Broken(f"{fault}\n    {shown[:1000]}\n    answered {status}: {text[:300]}")

    # What takes no input at all has none that does not fit.
    with contextlib.suppress(Unsatisfiable):
        attacked()


def _path(case: Case[Any], about: random.Random) -> str:
    """The operation's path with what was made up, or half of the time with things that exist."""
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        known = _KNOWN.get(name)
        put = about.choice(known) if known is not None and about.random() < 0.5 else str(value)
        # A character that no encoding has is what a broken client sends as a question mark.
        path = path.replace(f"{{{name}}}", quote(put.encode(errors="replace"), safe=""))
    return path


def _fault(key: str, caller: str, status: int, headers: Mapping[str, str], text: str, lasted_s: float) -> str | None:
    """What must not be, in a few words; None where all is well."""
    missing = [name for name in SECURITY_HEADERS if name not in headers]
    inside = [word for word in INSIDE if word in text]
    rule = RULES.get(key)
    is_public = rule is not None and Where.PUBLIC in rule.where
    faults = {
        "broke": status >= 500
        and key not in MAY_BE_UNWELL
        and not (status == 503 and '"code":"unavailable"' in text.replace(" ", "")),
        f"lacks {missing}": bool(missing),
        f"tells {inside}": bool(inside) and key != "GET /api/v1/fhir/metadata",
        "is no JSON": key.partition(" ")[2].startswith("/api/") and bool(text) and not _is_parsed(headers, text),
        "shows another ward": caller == "nurse" and SECRET_OF_OTHER_WARD in text,
        "lets nobody in": caller == "nobody" and not is_public and status < 400,
        f"took {lasted_s:.1f} s": lasted_s > ANSWER_S_MAX,
    }
    return next((f"{key} {fault}" for fault, is_so in faults.items() if is_so), None)


def _is_parsed(headers: Mapping[str, str], text: str) -> bool:
    kind = headers.get("content-type", "")
    if kind.startswith("text/csv"):
        return True
    try:
        json.loads(text)
    except ValueError:
        return False
    return "json" in kind


def _json(body: object) -> bytes:
    try:
        return json.dumps(body).encode(errors="surrogatepass")
    except (TypeError, ValueError):
        return repr(body).encode(errors="surrogatepass")


def _flat(query: Mapping[str, Any] | None) -> list[tuple[str, str | int | float | bool | None]]:
    """As a URL carries it; what UTF-8 cannot, goes as a question mark."""
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in (query or {}).items():
        for each in value if isinstance(value, list) else [value]:
            text = each if isinstance(each, str) else json.dumps(each) if isinstance(each, bool | dict) else str(each)
            pairs.append((name.encode(errors="replace").decode(), text.encode(errors="replace").decode()))
    return pairs


def _can_be_sent(name: str, value: str) -> bool:
    return name.isascii() and value.isascii() and value.isprintable() and name.lower() not in {"host", "content-length"}
