"""The whole way by certificates: simulated devices, each with its own, through the broker's TLS doors to a box and back."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.settings import MqttSettings
from storage.migrate import upgrade
from tests.support.deployed_broker import DeployedBroker
from tests.support.processes import ROOT, running_services
from tests.support.whole_path import one_box_environment
from wardlight.authority import Authority
from wardlight.authority_register import Kind

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

BEDS, READINGS = 3, 5


def by_tls(place: Path, port: int) -> dict[str, str]:
    """The environment of a client that shows what lies in `place`."""
    named = {"CA_FILE": "authority.pem", "CERTIFICATE_FILE": "certificate.pem", "KEY_FILE": "key.pem"}
    files = {f"WARDLIGHT_MQTT__{setting}": str(place / name) for setting, name in named.items()}
    return {
        "WARDLIGHT_MQTT__HOST": "127.0.0.1",
        "WARDLIGHT_MQTT__PORT": str(port),
        "WARDLIGHT_MQTT__TLS": "true",
        **files,
    }


def simulate(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "wardlight",
        "simulate",
        "--beds",
        str(BEDS),
        "--readings",
        str(READINGS),
        "--json",
    ]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_devices_ingest_alerts_and_heartbeat_speak_tls_by_certificates_of_their_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority", clock=SystemClock())
    authority.init(["127.0.0.1"])
    house = authority.issue(Kind.SERVICE, "wardlight").directory
    watching = authority.issue(Kind.SUBSCRIBER, "subscriber").directory
    devices = [authority.issue(Kind.DEVICE, f"sim-{n:02}").directory for n in range(1, BEDS + 1)]
    broker = DeployedBroker(tmp_path, authority=authority)
    data = tmp_path / "box"
    data.mkdir()
    box = one_box_environment(MqttSettings(), data) | by_tls(house, broker.port_of[8884])
    box |= {"WARDLIGHT_INGEST__ENROLL_UNASSIGNED": "true", "WARDLIGHT_WATCHDOG__EVERY_S": "1"}
    upgrade(box["WARDLIGHT_DATABASE__URL"])
    try:
        with running_services({"up": ("wardlight", "up")}, box, tmp_path) as services:
            broker.until_said("Sending SUBACK to wardlight-ingest", 0, within_s=60)
            each = devices[0].parent / "{device}"
            done = simulate(by_tls(each, broker.port_of[8883]))
            assert done.returncode == 0, done.stderr
            report = json.loads(done.stdout.splitlines()[-1])
            assert (report["published"], report["receipted"], report["unreceipted"]) == (
                BEDS * READINGS,
                BEDS * READINGS,
                0,
            )
            shown = (
                "--cafile",
                f"{watching}/authority.pem",
                "--cert",
                f"{watching}/certificate.pem",
                "--key",
                f"{watching}/key.pem",
            )
            heard = broker.client(
                "mosquitto_sub", *shown, "-t", "wardlight/v1/heartbeat", "-C", "1", "-W", "40", door=8883
            )
            assert "at_ms" in heard.stdout, services["up"].last_words()
        gone = simulate(by_tls(tmp_path / "nowhere", broker.port_of[8883]))
        assert (gone.returncode, gone.stderr.count("\n")) == (2, 1), gone.stderr
        assert "mqtt.ca_file" in gone.stderr
    finally:
        broker.stop()
