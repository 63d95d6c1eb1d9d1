"""The broker's configuration as deployed, run for real: who may do what, and what survives a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.settings import IngestSettings
from tests.support.deployed_broker import ACCOUNTS, ALERTS, DASHBOARD, INGEST, DeployedBroker
from wardlight.authority import OURS

READINGS = "wardlight/v1/devices/w1/readings"
ALERT = "wardlight/v1/alerts/ward/p1/spo2-low"
SERVICES = 1884
SUBSCRIBER, SIMULATORS, DEVICE = "subscriber:subscriber-secret", "simulators:simulators-secret", "w1:device-secret"
ALL_READINGS = "wardlight/v1/devices/+/readings"
SESSION = ("-i", "wardlight-ingest", "-c", "-x", "3600", "-t", ALL_READINGS)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedBroker]:
    running = DeployedBroker(tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


def queue_for_ingest(broker: DeployedBroker) -> None:
    """Begin ingest's lasting session anew, with nothing in it, and leave."""
    for options in (("-i", "wardlight-ingest", "-t", ALL_READINGS, "-E"), (*SESSION, "-E")):
        made = broker.client("mosquitto_sub", *options, account=INGEST, door=SERVICES)
        assert made.returncode == 0, made.stderr


def queued_for_ingest(broker: DeployedBroker, n: int) -> list[str]:
    """What that session is handed on its return, waiting up to some seconds for `n`."""
    options = (*SESSION, "-C", str(n), "-W", "3")
    return broker.client("mosquitto_sub", *options, account=INGEST, door=SERVICES).stdout.splitlines()


def may_publish(broker: DeployedBroker, account: str, topic: str, door: int = SERVICES) -> bool:
    said = broker.client("mosquitto_pub", "-t", topic, "-m", "{}", account=account, door=door)
    assert said.returncode == 0, said.stderr
    return "Not authorized" not in said.stderr


@pytest.mark.parametrize("account", [None, "w1:wrong", "stranger:device-secret", "wardlight-ingest:device-secret"])
def test_nobody_enters_without_the_right_password(broker: DeployedBroker, account: str | None) -> None:
    for door in (1883, SERVICES):
        assert broker.client("mosquitto_pub", "-t", READINGS, "-m", "{}", account=account, door=door).returncode != 0


def test_a_device_speaks_for_itself_only(broker: DeployedBroker) -> None:
    queue_for_ingest(broker)
    for message, topic in [("other's", "wardlight/v1/devices/w2/readings"), ("own", READINGS)]:
        broker.client("mosquitto_pub", "-t", topic, "-m", message, account=DEVICE)
    assert queued_for_ingest(broker, 1) == ["own"]


def test_a_device_cannot_come_as_another_client_and_end_its_session(broker: DeployedBroker) -> None:
    queue_for_ingest(broker)
    broker.client("mosquitto_pub", "-t", READINGS, "-m", "before", account=DEVICE)
    taken = broker.client("mosquitto_pub", "-i", "wardlight-ingest", "-t", READINGS, "-m", "after", account=DEVICE)
    assert taken.returncode == 0, "it comes, as itself"
    assert queued_for_ingest(broker, 2) == ["before", "after"]


def test_each_service_does_its_own_work_only(broker: DeployedBroker) -> None:
    accepted, probe = "wardlight/v1/devices/w1/accepted", "wardlight/v1/devices/wardlight-probe/readings"
    topics = (READINGS, accepted, ALERT, "wardlight/v1/alert-steps/w/high/raised/spo2-low/p1", "wardlight/v1/heartbeat")
    may = {
        account: [may_publish(broker, account, topic) for topic in (*topics, probe)]
        for account in (INGEST, ALERTS, DASHBOARD)
    }
    assert may == {
        INGEST: [False, True, False, False, False, False],
        ALERTS: [False, False, True, True, True, True],
        DASHBOARD: [True, False, False, False, False, True],
    }


def test_outside_the_demo_nobody_may_speak_for_every_device(tmp_path: Path) -> None:
    without = DeployedBroker(tmp_path, accounts={**ACCOUNTS, "MQTT_SIMULATORS_PASSWORD": ""})
    try:
        for password in ("simulators-secret", ""):
            account = f"simulators:{password}"
            assert without.client("mosquitto_pub", "-t", READINGS, "-m", "{}", account=account).returncode != 0
        assert may_publish(without, DEVICE, READINGS, door=1883)
    finally:
        without.stop()


@pytest.mark.parametrize("ours", OURS)
def test_a_device_called_as_one_of_ours_is_not_let_in_by_its_file(tmp_path: Path, ours: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"No device can have a name.*{ours}"):
        DeployedBroker(tmp_path, devices=f"w1:device-secret\n{ours.title()}-1:device-secret\n")


@pytest.mark.parametrize(("more_bytes", "comes_in"), [(0, True), (1, True), (20_000, False)])
def test_what_is_much_larger_than_ingest_reads_the_broker_does_not_take(
    broker: DeployedBroker, more_bytes: int, *, comes_in: bool
) -> None:
    queue_for_ingest(broker)
    body = "x" * (IngestSettings().payload_bytes_max + more_bytes)
    broker.client("mosquitto_pub", "-t", READINGS, "-s", account=DEVICE, said=body)
    broker.client("mosquitto_pub", "-t", READINGS, "-m", "after", account=DEVICE)
    assert queued_for_ingest(broker, 1 + comes_in) == ([body, "after"] if comes_in else ["after"])


def test_a_subscriber_of_alerts_cannot_invent_readings(broker: DeployedBroker) -> None:
    queue_for_ingest(broker)
    broker.client("mosquitto_pub", "-t", READINGS, "-m", "invented", account=SUBSCRIBER)
    broker.client("mosquitto_pub", "-t", READINGS, "-m", "demo", account=SIMULATORS, door=SERVICES)
    assert queued_for_ingest(broker, 1) == ["demo"]


def test_readings_queued_for_ingest_survive_a_restart_and_more_are_queued_after_it(broker: DeployedBroker) -> None:
    queue_for_ingest(broker)
    lines = [str(n) for n in range(1500)]
    sent = broker.client("mosquitto_pub", "-t", READINGS, "-l", account=DEVICE, said="\n".join(lines) + "\n")
    assert sent.returncode == 0, sent.stderr
    broker.stop()
    broker.start()
    broker.client("mosquitto_pub", "-t", READINGS, "-m", "after the restart", account=DEVICE)
    expected = [*lines, "after the restart"]
    assert queued_for_ingest(broker, len(expected)) == expected, "more than the default queue of 1000, in order"
