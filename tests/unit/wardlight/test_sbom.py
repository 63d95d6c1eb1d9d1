"""The bill of materials holds everything that is locked, with hashes and licences, and nothing of where it was fetched."""

import json
import re
from typing import Any

import pytest

from tests.support.tree import ROOT, text
from tests.tidy.test_shape import INDEX_ADDRESSES
from vitals.errors import ConfigurationError
from wardlight.sbom import bill, pinned

LOCKED = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", text("requirements.lock"), flags=re.MULTILINE)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return bill(ROOT)


def test_every_locked_package_is_in_it_with_all_its_hashes(made: dict[str, Any]) -> None:
    libraries = {(each["name"], each["version"]): each for each in made["components"]}
    assert {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in LOCKED} == libraries.keys() - {
        key for key in libraries if key[0] == "uplot"
    }
    hashes = [each["content"] for component in made["components"] for each in component.get("hashes", [])]
    assert sorted(hashes) == sorted(re.findall(r"sha256:([0-9a-f]{64})", text("requirements.lock")))


def test_what_everybody_needs_names_its_licence(made: dict[str, Any]) -> None:
    assert [
        each["name"] for each in made["components"] if each["scope"] == "required" and not each.get("licenses")
    ] == []


def test_what_lies_in_the_tree_itself_is_in_it_too(made: dict[str, Any]) -> None:
    (uplot,) = [each for each in made["components"] if each["name"] == "uplot"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", uplot["version"])


def test_it_has_the_form_of_cyclonedx(made: dict[str, Any]) -> None:
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    references = [made["metadata"]["component"]["bom-ref"], *(each["bom-ref"] for each in made["components"])]
    assert len(set(references)) == len(references)
    for dependency in made["dependencies"]:
        assert {dependency["ref"], *dependency.get("dependsOn", [])} <= set(references)
    for component in made["components"]:
        assert component["purl"].startswith("pkg:")
        for licence in component.get("licenses", []):
            assert licence.keys() in ({"expression"}, {"license"})


def test_it_is_the_same_each_time_and_names_no_index(made: dict[str, Any]) -> None:
    assert bill(ROOT) == made
    assert INDEX_ADDRESSES.search(json.dumps(made)) is None


def test_a_lock_that_is_not_understood_makes_no_bill() -> None:
    assert pinned("a==1 ; python_version < '3' \\\n    --hash=sha256:" + "0" * 64)[0].marker == "python_version < '3'"
    with pytest.raises(ConfigurationError, match="Line 1 of the lock"):
        pinned("git+https://example.org/a")
