"""The compose file is well formed and safe by default; the image holds every room. No container engine is needed."""

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from ingest.settings import IngestSettings
from runtime.settings import SECTION_NAMES, ProcessSettings
from storage.access import SERVICES as SERVICES_OF_THE_DATABASE
from storage.access import role_of
from tests.support.tree import ROOT, pyproject, text
from tests.tidy.test_folders import ONE_SHOT_SERVICES
from wardlight.log_access import PRINCIPALS

COMPOSE: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BY_TLS = ("mosquitto", "8883:8883")
"""The one port that is reached from elsewhere: behind it deploy/mosquitto-tls.conf asks everybody for a certificate."""
DEVICE_TOPIC_BYTES_MAX = 256
"""Topic and head of a message, at most."""
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def test_the_compose_file_keeps_the_compose_specifications_schema() -> None:
    schema = json.loads(text("deploy/compose-spec/compose-spec.json"))
    assert [error.message for error in Draft7Validator(schema).iter_errors(COMPOSE)] == []


def test_no_password_has_a_default_and_each_missing_one_says_what_to_do() -> None:
    given = [line.split("=", 1) for line in text("deploy/example.env").splitlines() if re.match(r"\w+=", line)]
    assert all(value == "" for _, value in given)
    used = re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", text("docker-compose.yml"))
    of_the_demo, may_be_empty = ("MQTT_SIMULATORS_PASSWORD", ":-"), {"WATCHDOG_PING_URL", "AUTHORITY_PASSPHRASE"}
    for harmless in (
        ("ENROLL_UNASSIGNED", ":-false"),
        ("ORIGINS_ALLOWED", ":-real"),
        *((name, ":-") for name in may_be_empty),
        of_the_demo,
        of_the_demo,
    ):
        used.remove(harmless)
    assert {name for name, _ in used} == {name for name, _ in given} - may_be_empty - {of_the_demo[0]}
    assert all(rest == f":?Copy deploy/example.env to .env and fill in {name}" for name, rest in used)


def test_the_broker_takes_what_ingest_reads_and_little_more() -> None:
    for file in ("deploy/mosquitto.conf", "docs/operations.md"):
        bounds = {name: int(value) for name, value in re.findall(r"^(m[a-z_]+) (\d+)$", text(file), re.MULTILINE)}
        room = bounds["max_packet_size"] - IngestSettings().payload_bytes_max
        assert DEVICE_TOPIC_BYTES_MAX < room < IngestSettings().payload_bytes_max / 10
        assert 0 < bounds["max_queued_bytes"] < bounds["memory_limit"]


def test_what_takes_readings_and_alarms_by_limits_goes_first_where_processors_are_short() -> None:
    shares = {name: service["cpu_shares"] for name, service in SERVICES.items() if name not in ONE_SHOT_SERVICES}
    goes_first = {"mosquitto", "kafka", "postgres", "ingest", "alerts"}
    most, of_the_page = max(shares.values()), shares.pop("dashboard")
    assert {name for name, share in shares.items() if share == most} == goes_first
    assert all(8 * shares[name] <= most for name in shares.keys() - goes_first)
    assert most // 8 < of_the_page < most


def test_every_image_is_pinned_to_a_release() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", text("Dockerfile"), flags=re.MULTILINE)
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_the_least_rights_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["restart"] == ("no" if name in ONE_SHOT_SERVICES else "unless-stopped")
    assert "test" in service["healthcheck"] or service["healthcheck"] == {"disable": True}
    assert all(port.startswith("127.0.0.1:") or (name, port) == BY_TLS for port in service.get("ports", []))
    assert not service.get("privileged", False)


@pytest.mark.parametrize("name", OURS)
def test_our_services_write_nowhere_and_get_time_to_end(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    grace_s = int(service["stop_grace_period"].removesuffix("s"))
    assert grace_s > ProcessSettings().shutdown_s + 2


def test_every_mounted_file_of_ours_exists() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert [path for path in mounted if path.startswith("./") and not (ROOT / path).exists()] == []


def test_services_wait_for_what_they_need_to_be_healthy_or_done() -> None:
    for service in SERVICES.values():
        for needed, wait in service.get("depends_on", {}).items():
            ends = needed in ONE_SHOT_SERVICES
            assert wait["condition"] == ("service_completed_successfully" if ends else "service_healthy")
            assert "test" in SERVICES[needed]["healthcheck"] or ends


def test_every_setting_the_compose_file_names_has_a_known_section() -> None:
    names = {name for service in OURS.values() for name in service["environment"] if name.startswith("WARDLIGHT_")}
    sections = {re.sub(r"^WARDLIGHT_(\w+?)__.*", r"\1", name).lower() for name in names}
    assert sections <= SECTION_NAMES


def test_every_volume_and_network_in_use_is_declared() -> None:
    for service in SERVICES.values():
        assert ("networks" in service) != (service.get("network_mode") == "none")
        assert set(service.get("networks", [])) <= COMPOSE["networks"].keys()
        named = {volume.split(":")[0] for volume in service.get("volumes", []) if not volume.startswith(".")}
        assert named <= COMPOSE["volumes"].keys()


def test_the_image_holds_every_room_and_nobody_in_it_is_root() -> None:
    rooms = set(pyproject()["tool"]["importlinter"]["root_packages"]) - {"benchmarks"}
    dockerfile = text("Dockerfile")
    copied = set(re.findall(r"^COPY (\w+) \1$", dockerfile, flags=re.MULTILINE))
    assert copied == rooms
    assert {line.removeprefix("!") for line in text(".dockerignore").splitlines() if line.startswith("!")} == {
        *rooms,
        "requirements.lock",
    }
    assert re.findall(r"^USER (.+)$", dockerfile, flags=re.MULTILINE)[-1] == "10001:10001"


def test_every_service_comes_to_kafka_and_postgresql_as_itself_over_tls() -> None:
    accounts = {
        name: OURS[name]["environment"] for name in OURS if "WARDLIGHT_LOG__USERNAME" in OURS[name]["environment"]
    }
    assert {environment["WARDLIGHT_LOG__USERNAME"] for environment in accounts.values()} == {
        principal.name for principal in PRINCIPALS
    }
    for name, environment in accounts.items():
        who = environment["WARDLIGHT_LOG__USERNAME"]
        assert who == ("operator" if name == "topics" else name)
        assert environment["WARDLIGHT_LOG__SECURITY"] == "sasl_ssl"
        assert f"KAFKA_{who.upper()}_PASSWORD" in environment["WARDLIGHT_LOG__PASSWORD"]
        url = environment["WARDLIGHT_DATABASE__URL"]
        assert f"//{role_of(who)}:${{POSTGRES_{who.upper()}_PASSWORD" in url
        assert "sslmode=verify-full&sslrootcert=" in url
        assert not any("WARDLIGHT_ROLES__" in key or key == "POSTGRES_PASSWORD" for key in environment)
    given = {key for key in SERVICES["migrate"]["environment"] if key.startswith("WARDLIGHT_ROLES__")}
    assert given == {f"WARDLIGHT_ROLES__{service.upper()}" for service in SERVICES_OF_THE_DATABASE}


def test_keys_of_names_are_mounted_by_who_opens_them_and_changed_by_who_makes_them() -> None:
    mounting = {
        name: volume.removeprefix("house-keys:")
        for name, one in SERVICES.items()
        for volume in one.get("volumes", [])
        if volume.startswith("house-keys:")
    }
    makers, openers = ("migrate", "topics"), ("ingest", "alerts", "dashboard")
    assert mounting == dict.fromkeys(makers, "/house-keys") | dict.fromkeys(openers, "/house-keys:ro")
    for name in mounting:
        assert SERVICES[name]["environment"]["WARDLIGHT_DATABASE__KEYS_FILE"].startswith("/house-keys/")


def test_keys_of_servers_are_mounted_by_their_server_alone() -> None:
    for volume, server in (("kafka-tls", "kafka"), ("postgres-tls", "postgres"), ("house-authority", "certificates")):
        mounting = {
            name for name, one in SERVICES.items() if any(v.startswith(f"{volume}:") for v in one.get("volumes", []))
        }
        assert mounting == {server, "certificates"}
