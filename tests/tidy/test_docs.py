"""Documents tell the truth: links resolve, files they name exist, the telemetry table is the one in the code."""

import ast
import re
from pathlib import PurePosixPath
from urllib.parse import unquote

from dashboard.permissions import ROLE_PERMISSIONS, Permission, Role
from runtime.metrics_table import METRICS, Metric
from tests.support.documents import commands
from tests.support.tree import ROOT, folders_with_python, nodes, python_files, source_files, text, tracked
from vitals.sign import SIGN_FACTS, Sign
from vitals.topics import ROOT as TOPICS

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.-]+(/[\w.-]+)+/?")
METRIC_NAME = re.compile(r"wardlight_[a-z]+(_[a-z0-9]+)+")
HISTOGRAM_SUFFIX = re.compile(r"_(bucket|count|sum)$")
OTHER_FOLDERS = {"docs", "deploy", "scripts", "tests", "benchmarks", ".ci"}


def test_every_relative_link_leads_somewhere() -> None:
    broken = [
        f"{name} -> {target}"
        for name in documents()
        for target in LINK.findall(text(name))
        if "://" not in target and not target.startswith(("#", "mailto:")) and not _exists(name, target)
    ]
    assert not broken


def test_every_path_a_document_names_exists() -> None:
    folders = folders_with_python() | OTHER_FOLDERS
    missing = [
        f"{name}: {path}"
        for name in documents()
        for span in CODE_SPAN.findall(_without_blocks(text(name)))
        if PATH.fullmatch(span)
        and not span.startswith(f"{TOPICS}/")
        and (path := span).split("/", 1)[0] in folders
        and not (ROOT / path).exists()
    ]
    assert not missing


def test_the_index_leads_to_every_page() -> None:
    pages = {name.removeprefix("docs/") for name in documents() if re.fullmatch(r"docs/[a-z-]+\.md", name)}
    assert pages - set(LINK.findall(text("docs/README.md"))) == set()


def test_the_list_of_decisions_names_every_one() -> None:
    kept = {name.removeprefix("docs/adr/") for name in documents() if re.match(r"docs/adr/\d{4}-", name)}
    assert set(LINK.findall(text("docs/adr/README.md"))) == kept


def test_the_chinese_readme_says_the_same_commands_names_and_links() -> None:
    english, chinese = "README.md", "README.zh.md"
    assert [command.text for command in commands(chinese)] == [command.text for command in commands(english)]
    assert CODE_SPAN.findall(_without_blocks(text(chinese))) == CODE_SPAN.findall(_without_blocks(text(english)))
    links = {
        name: [target for target in LINK.findall(text(name)) if not target.startswith("README")]
        for name in (english, chinese)
    }
    assert links[chinese] == links[english]
    assert text(chinese).count("\n#") == text(english).count("\n#")
    assert text(chinese).count("\n|") == text(english).count("\n|")


def test_every_test_that_takes_a_picture_is_run_by_make_pictures() -> None:
    unmarked = [
        f"{name}: {test.name}"
        for name in python_files()
        if name.startswith("tests/e2e/")
        for test in nodes(name, ast.AsyncFunctionDef)
        if test.name.startswith("test_") and "await picture(" in ast.unparse(test)
        if "pytest.mark.pictures" not in map(ast.unparse, test.decorator_list)
    ]
    assert not unmarked


def test_the_telemetry_page_holds_the_table_of_the_code() -> None:
    page = [line for line in text("docs/telemetry.md").splitlines() if line.startswith("| `wardlight_")]
    assert page == [row_of(metric) for metric in METRICS]


def test_the_page_of_people_holds_the_roles_of_the_code() -> None:
    page = [line for line in text("docs/people.md").splitlines() if re.match(r"\| `\w+` \|", line)]
    assert page == [row_of_permission(permission) for permission in Permission]


def test_the_integrators_page_holds_every_sign() -> None:
    page = [
        line for line in text("docs/integrators.md").splitlines() if re.match(r"\| `\w+_\w+` \| \S+ \| [\d.]+-", line)
    ]
    assert page == [row_of_sign(sign) for sign in Sign]


def test_metrics_are_named_by_room_thing_and_unit() -> None:
    rooms = folders_with_python() | {"process", "log", "mqtt", "recorder", "trainer", "worker"}
    for metric in METRICS:
        assert metric.name.split("_")[1] in rooms, metric.name
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.kind != "histogram" or metric.name.endswith("_seconds"), metric.name


def test_every_metric_named_in_the_source_is_in_the_table_and_every_row_is_used() -> None:
    named: dict[str, str] = {
        node.value: name
        for name in source_files()
        if not name.startswith("runtime/metrics_")
        for node in nodes(name, ast.Constant)
        if isinstance(node.value, str) and METRIC_NAME.fullmatch(node.value)
    }
    declared = {metric.name for metric in METRICS}
    assert {name: where for name, where in named.items() if name not in declared} == {}
    assert declared - named.keys() == set()


def row_of(metric: Metric) -> str:
    """A metric's line in docs/telemetry.md."""
    labels = "; ".join(f"`{label.name}`: {label.values}" for label in metric.labels) or "none"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"


def row_of_permission(permission: Permission) -> str:
    """A permission's line in docs/people.md."""
    cells = ["✓" if permission in ROLE_PERMISSIONS[role] else "" for role in Role]
    return f"| `{permission}` | {' | '.join(cells)} |"


def row_of_sign(sign: Sign) -> str:
    """A sign's line in docs/integrators.md."""
    facts = SIGN_FACTS[sign]
    possible = f"{facts.possible_low:g}-{facts.possible_high:g}"
    return f"| `{sign.value}` | {facts.ucum} | {possible} | {facts.loinc or 'none'} |"


def documents() -> list[str]:
    """Every page of ours."""
    return [name for name in tracked() if name.endswith(".md")]


def _exists(name: str, target: str) -> bool:
    path = unquote(target.split("#", 1)[0])
    return (ROOT / PurePosixPath(name).parent / path).exists()


def _without_blocks(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
