"""Folders are rooms: the import contract, the packages, the compose services and installed distributions agree on them."""

import importlib.metadata
from typing import Any

import yaml

from tests.support.tree import folders_with_python, pyproject, python_files, text, tracked

NOT_ROOMS = {"tests"}
PROCESSES_OF_NO_ROOM = {"wardlight", "benchmarks"}
"""Folders that run but are no service: the command line, and what measures."""
SERVICE_OF_ROOM = {"storage": "recorder"}
"""Rooms whose process carries another name than the folder."""
SECOND_PROCESSES = {"trainer": ["python", "-m", "stream", "trainer"]}
"""Processes of a room beside its own."""
ONE_SHOT_SERVICES = {
    "migrate": ["python", "-m", "storage", "migrate", "--make-keys"],
    "topics": ["wardlight", "log", "prepare"],
    "certificates": ["sh", "/deploy/make-certificates"],
    "authority": ["wardlight", "authority", "list"],
}
"""What ends by itself, and its command."""
FOREIGN_SERVICES = {"mosquitto", "kafka", "postgres", "prometheus", "grafana"}


def test_the_import_contract_knows_every_folder() -> None:
    listed = pyproject()["tool"]["importlinter"]["root_packages"]
    assert set(listed) == folders_with_python() - NOT_ROOMS


def test_every_package_is_listed_for_the_build() -> None:
    packages = {
        name.rsplit("/", 1)[0].replace("/", ".")
        for name in python_files()
        if name.endswith("/__init__.py") and not name.startswith("tests/")
    }
    assert set(pyproject()["tool"]["setuptools"]["packages"]) == packages


def test_every_folder_of_a_room_is_a_package() -> None:
    folders = {name.rsplit("/", 1)[0] for name in python_files() if "/" in name and not name.startswith("tests/")}
    assert all(f"{folder}/__init__.py" in tracked() for folder in folders)


def test_a_room_with_a_process_is_a_compose_service_and_the_other_way_round() -> None:
    rooms = {name.split("/", 1)[0] for name in python_files() if name.count("/") == 1 and name.endswith("/__main__.py")}
    expected = {SERVICE_OF_ROOM.get(room, room) for room in rooms - PROCESSES_OF_NO_ROOM}
    assert set(services()) - FOREIGN_SERVICES - set(ONE_SHOT_SERVICES) == expected | set(SECOND_PROCESSES)


def test_every_compose_service_runs_its_folders_process() -> None:
    rooms = {service: room for room, service in SERVICE_OF_ROOM.items()}
    commands = {name: service["command"] for name, service in services().items() if name not in FOREIGN_SERVICES}
    assert {name: commands.pop(name) for name in ONE_SHOT_SERVICES} == ONE_SHOT_SERVICES
    expected = {name: ["python", "-m", rooms.get(name, name)] for name in commands}
    assert commands == expected | SECOND_PROCESSES


def test_no_installed_distribution_claims_a_name_of_our_folders() -> None:
    claims = importlib.metadata.packages_distributions()
    foreign = {
        folder: owners for folder in folders_with_python() if (owners := set(claims.get(folder, [])) - {"wardlight"})
    }
    assert not foreign


def services() -> dict[str, Any]:
    """The compose file's services."""
    loaded: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))["services"]
    return loaded
