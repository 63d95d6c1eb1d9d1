"""What comes with the program, and what must not stand in it: a true bill of materials, no secret, no code that runs what it reads."""

import ast
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from tests.support.tree import ROOT, parsed, source_files, text
from wardlight.sbom import bill

BANNED_CALLS = frozenset(
    {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "tempfile.mktemp", "pickle.loads", "pickle.load", "marshal.loads", "marshal.load", "shelve.open", "ssl._create_unverified_context", "importlib.import_module"}
)  # fmt: skip
ALLOWED = {("benchmarks/__main__.py", "importlib.import_module"): "a benchmark of a fixed list, by its own name"}
"""Places where one of them stands, each with its reason."""
OFF_EVERYWHERE = {"S311"}
"""Random numbers of simulations and jitter; secrets come from `secrets`, which a test of this page holds."""
OFF_IN_TESTS = {"S101", "S105", "S106", "S603", "S607"}


def test_the_bill_of_materials_is_what_cyclonedx_says_one_is() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bill(ROOT))) is None


def test_a_bill_of_materials_that_is_none_is_noticed() -> None:
    forged = bill(ROOT) | {"components": [{"type": "spell", "name": 1}]}
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(forged)) is not None


def test_every_package_of_a_lock_has_its_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"\n(?=\S)", text(name))
        assert [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []


def _calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_runs_what_it_reads() -> None:
    found = {(name, call) for name in source_files() for call, _ in _calls(name) if call in BANNED_CALLS}
    assert found == set(ALLOWED)


def test_no_shell_reads_a_command_and_no_certificate_goes_unproven() -> None:
    bad = {
        "shell": "True",
        "verify": "False",
        "check_hostname": "False",
        "allow_pickle": "True",
        "verify_mode": "ssl.CERT_NONE",
    }
    found = [
        f"{name}:{node.lineno} {keyword.arg}"
        for name in source_files()
        for _, node in _calls(name)
        for keyword in node.keywords
        if keyword.arg in bad and ast.unparse(keyword.value) == bad[keyword.arg]
    ]
    set_elsewhere = [
        f"{name}:{node.lineno}"
        for name in source_files()
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"ssl.CERT_NONE", "ssl.PROTOCOL_TLSv1", "ssl.PROTOCOL_TLSv1_1"}
    ]
    assert (found, set_elsewhere) == ([], [])


def test_secrets_are_drawn_from_the_machines_own_randomness() -> None:
    """`random` is for simulations: no file that makes tokens, keys or ids of sessions imports it."""
    careless = [
        name
        for name in source_files()
        if re.search(r"(sign_in|session|token|signing|secret|people|identit|key)", Path(name).name)
        and any(
            isinstance(node, ast.Import) and "random" in [each.name for each in node.names]
            for node in ast.walk(parsed(name))
        )
    ]
    assert careless == []


def test_the_linters_security_rules_are_on_but_for_those_named_here() -> None:
    lint = tomllib.loads(text("pyproject.toml"))["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert {rule for rule in lint["ignore"] if re.fullmatch(r"S\d*", rule)} == OFF_EVERYWHERE
    off = {
        path: {rule for rule in rules if re.fullmatch(r"S\d*", rule)}
        for path, rules in lint["per-file-ignores"].items()
    }
    assert {path: rules for path, rules in off.items() if rules} == {"tests/**": OFF_IN_TESTS}


def test_where_a_security_rule_is_off_in_one_line_the_reason_stands_beside_it() -> None:
    bare = [
        f"{name}:{number}"
        for name in source_files()
        for number, line in enumerate(text(name).splitlines(), start=1)
        if re.search(r"# noqa: [A-Z0-9, ]*\bS\d{3}\b(?!.* - )", line)
    ]
    assert bare == []


def planted(kind: str) -> str:
    """A secret of this kind, put together here so that none stands in the tree."""
    return {
        "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n",
        "a cloud's key": 'key = "AKIA' + 'IOSFODNN7EXAMPLQ"\n',
        "a token of a code host": 'token = "ghp_' + 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"\n',
        "a password in an address": "url = 'postgresql://ward:" + "Zq8vN3kx91LmPf@db.example/ward'\n",
    }[kind]


@pytest.mark.parametrize(
    "kind", ["a private key", "a cloud's key", "a token of a code host", "a password in an address"]
)
def test_a_secret_that_somebody_commits_is_found(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "settings.py"
    file.write_text(planted(kind))
    baseline = json.loads((ROOT / ".secrets.baseline").read_text())
    with transient_settings({"plugins_used": baseline["plugins_used"]}):
        found = SecretsCollection()
        found.scan_file(str(file))
    assert found.data


def test_an_audit_that_cannot_ask_fails_and_says_so() -> None:
    nowhere = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:9"
    )
    done = subprocess.run(
        ["sh", "scripts/audit", "advisories"],
        cwd=ROOT, env={**os.environ, **nowhere, "no_proxy": "", "NO_PROXY": ""}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Not audited, or not clean" in done.stderr
    assert "Traceback" not in done.stderr
