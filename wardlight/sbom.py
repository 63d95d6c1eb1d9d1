"""`make sbom`: what is in this program, as CycloneDX JSON, from the lock with its hashes and the installed packages' licences."""

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from runtime.version import VERSION
from vitals.errors import ConfigurationError

SPEC_VERSION: Final = "1.5"
LOCK: Final = "requirements.lock"
_PIN: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)\s*(?:;\s*(?P<marker>[^\\]+?))?\s*\\?$"
)
_HASH: Final = re.compile(r"^--hash=sha256:(?P<hash>[0-9a-f]{64})\s*\\?$")
_ROOT: Final = "wardlight"
_CLASSIFIER: Final = "License :: OSI Approved :: "
_UPLOT: Final = re.compile(r"leeoniya/uPlot \(v(?P<version>[0-9.]+)\)")
VENDORED: Final = "dashboard/static/vendor/uplot/uPlot.iife.min.js"


class Pinned(NamedTuple):
    """One package of the lock."""

    name: str
    version: str
    marker: str | None
    """Where it is needed, if not everywhere."""
    sha256: tuple[str, ...]


def pinned(lock: str) -> list[Pinned]:
    """Every package of a lock file; raises ConfigurationError on a line that is neither a pin nor its hash."""
    found: list[Pinned] = []
    for number, raw in enumerate(lock.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if (pin := _PIN.match(line)) is not None:
            found.append(Pinned(_normal(pin["name"]), pin["version"], pin["marker"], ()))
        elif (hashed := _HASH.match(line)) is not None and found:
            found[-1] = found[-1]._replace(sha256=(*found[-1].sha256, hashed["hash"]))
        else:
            raise ConfigurationError(
                f"Line {number} of the lock is neither a package nor its hash: make the lock anew."
            )
    return found


def licences(name: str) -> list[dict[str, Any]]:
    """What an installed package says of its licence, as CycloneDX has it; empty where it is not installed or says nothing."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return []
    for expression in said.get_all("License-Expression") or []:
        return [{"expression": expression}]
    named = [
        each.removeprefix(_CLASSIFIER) for each in (said.get_all("Classifier") or []) if each.startswith(_CLASSIFIER)
    ]
    short = [line for said_so in said.get_all("License") or [] for line in said_so.strip().splitlines()[:1] if line]
    return [{"license": {"name": each}} for each in named or short]


def bill(root: Path) -> dict[str, Any]:
    """The whole bill for the source tree at `root`; the same for the same lock and environment."""
    lock = (root / LOCK).read_text(encoding="utf-8")
    packages = pinned(lock)
    components = [_component(package) for package in packages]
    uplot = _uplot(root)
    references = {package.name: component["bom-ref"] for package, component in zip(packages, components, strict=True)}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock + VERSION)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": _ROOT,
                "name": _ROOT,
                "version": VERSION,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [*components, uplot],
        "dependencies": [
            {"ref": _ROOT, "dependsOn": [*(references[name] for name in _direct(root, references)), uplot["bom-ref"]]},
            *({"ref": component["bom-ref"]} for component in components),
        ],
    }


def _component(package: Pinned) -> dict[str, Any]:
    reference = f"pkg:pypi/{package.name}@{package.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": package.version,
        "purl": reference,
        "scope": "required" if package.marker is None else "optional",
        "hashes": [{"alg": "SHA-256", "content": each} for each in package.sha256],
    }
    said = licences(package.name)
    if said:
        component["licenses"] = said
    if package.marker is not None:
        component["properties"] = [{"name": "wardlight:needed-where", "value": package.marker}]
    return component


def _uplot(root: Path) -> dict[str, Any]:
    """The one library that lies in the tree itself."""
    found = _UPLOT.search((root / VENDORED).read_text(encoding="utf-8")[:2000])
    if found is None:
        raise ConfigurationError(f"{VENDORED} does not say its version: name it in wardlight/sbom.py.")
    version = found["version"]
    reference = f"pkg:npm/uplot@{version}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": "uplot",
        "version": version,
        "purl": reference,
        "scope": "required",
        "licenses": [{"license": {"id": "MIT"}}],
    }


def _direct(root: Path, known: Mapping[str, str]) -> Sequence[str]:
    """What pyproject.toml names itself."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [_normal(re.split(r"[\[<>=!~; ]", each, maxsplit=1)[0]) for each in project["dependencies"]]
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigurationError(f"The lock lacks {', '.join(missing)}: make it anew from pyproject.toml.")
    return names


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill(Path(__file__).parents[1]), indent=2) + "\n")
