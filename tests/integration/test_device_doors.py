"""The broker's TLS doors as deployed, tried by those who belong there and by those who do not, on a real Mosquitto."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.mqtt_session import MqttSession
from runtime.settings import MqttSettings
from tests.support.deployed_broker import PATH, DeployedBroker
from tests.support.small_authority import DAY_MS, DatedClock, files, tls_settings
from vitals.errors import CredentialsRefused, Unavailable, UntrustedServer
from wardlight.authority import Authority
from wardlight.authority_register import Kind

DEVICE_DOOR, SERVICE_DOOR, PASSWORD_DOOR = 8883, 8884, 8885
ALL_READINGS = "wardlight/v1/devices/+/readings"
ALERT = "wardlight/v1/alerts/ward/p1/spo2-low"
INGEST = (Kind.SERVICE, "wardlight-ingest")
ALERTS = (Kind.SERVICE, "wardlight-alerts")
REFUSALS_MAX = 50

pytestmark = pytest.mark.integration


class House:
    """A broker, its authority, and one that somebody else made after its likeness."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.clock = DatedClock(SystemClock().now_ms() - 30 * DAY_MS)
        self.authority = Authority(directory / "authority", clock=self.clock)
        self.authority.init(["127.0.0.1"])
        self.authority.issue(Kind.DEVICE, "w-ended", days=10)
        self.clock.at_ms += 30 * DAY_MS
        for name in ("w1", "w2"):
            self.authority.issue(Kind.DEVICE, name)
        self.authority.issue(Kind.SUBSCRIBER, "subscriber")
        for kind, name in (INGEST, ALERTS, (Kind.SERVICE, "wardlight")):
            self.authority.issue(kind, name)
        self.rogue = Authority(directory / "rogue", clock=self.clock)
        self.rogue.init(["127.0.0.1"])
        self.rogue.issue(Kind.DEVICE, "w1")
        self.broker = DeployedBroker(directory, authority=self.authority)

    def settings(self, kind: Kind, name: str, *, door: int = DEVICE_DOOR, by: Authority | None = None) -> MqttSettings:
        """How `name` comes to a door, believing the right broker whoever signed its certificate."""
        made = tls_settings(by or self.authority, kind, name, port=self.broker.port_of[door])
        return made.model_copy(update={"ca_file": self.authority.broker_place / "services.pem"})

    def run(
        self, tool: str, kind: Kind, name: str, *options: str, door: int = DEVICE_DOOR
    ) -> subprocess.CompletedProcess[str]:
        """mosquitto_pub or mosquitto_sub with the certificate of `name`."""
        return self.broker.client(tool, *self._shown(kind, name), *options, door=door)

    def publish(
        self, kind: Kind, name: str, topic: str, message: str, *options: str, door: int = DEVICE_DOOR
    ) -> subprocess.CompletedProcess[str]:
        """mosquitto_pub with the certificate of `name`."""
        return self.run("mosquitto_pub", kind, name, "-t", topic, "-m", message, *options, door=door)

    @contextlib.contextmanager
    def listening(
        self, kind: Kind, name: str, *options: str, door: int = DEVICE_DOOR
    ) -> Iterator["subprocess.Popen[str]"]:
        """mosquitto_sub with the certificate of `name`, subscribed before the block begins, ended after it."""
        begin = self.broker.said_bytes()
        named = () if "-i" in options else ("-i", name)
        where = ("-h", "127.0.0.1", "-p", str(self.broker.port_of[door]), "-q", "1", "-V", "mqttv5", "-v", *named)
        with subprocess.Popen(
            ["mosquitto_sub", *where, *self._shown(kind, name), *options],
            env={"PATH": PATH}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                self.broker.until_said(f"Sending SUBACK to {name}", begin)
                yield process
            finally:
                process.terminate()

    def _shown(self, kind: Kind, name: str) -> tuple[str, ...]:
        place = self.authority.place_of(kind, name)
        return (
            "--cafile", f"{place / 'authority.pem'}", "--cert", f"{place / 'certificate.pem'}", "--key", f"{place / 'key.pem'}",
        )  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    made.broker.stop()


def readings(device: str) -> str:
    return f"wardlight/v1/devices/{device}/readings"


def accepted(device: str) -> str:
    return f"wardlight/v1/devices/{device}/accepted"


def enter(settings: MqttSettings) -> None:
    """Connect, once, and leave."""

    async def run() -> None:
        session = MqttSession(settings, client_id="somebody", clock=SystemClock(), persistent=False)
        await session.open()
        await session.close()

    asyncio.run(run())


def refusal(settings: MqttSettings) -> str:
    """Why nobody comes in so. A broker that closes at once may cut off its own reason, but lets nobody in meanwhile."""
    for _ in range(REFUSALS_MAX):
        try:
            enter(settings)
        except CredentialsRefused as error:
            return str(error)
        except Unavailable as error:
            assert "refuse who we say we are" in str(error)  # noqa: PT017 - each refusal, not only the last
        else:
            pytest.fail("It came in.")
    pytest.fail("The reason was never heard.")


def end(process: "subprocess.Popen[str]") -> tuple[list[str], str]:
    """What it heard, and what it complained of."""
    heard, complaint = process.communicate(timeout=20)
    return heard.splitlines(), complaint


def test_whoever_belongs_there_comes_in_and_is_heard(house: House) -> None:
    ingest = house.listening(*INGEST, "-t", ALL_READINGS, "-C", "2", "-W", "10", door=SERVICE_DOOR)
    with ingest as hears:
        assert house.publish(Kind.DEVICE, "w1", readings("w1"), "by certificate").returncode == 0
        ca = ("--cafile", str(house.authority.broker_place / "services.pem"))
        said = ("-t", readings("w2"), "-m", "by password")
        assert (
            house.broker.client("mosquitto_pub", *ca, *said, account="w2:other-secret", door=PASSWORD_DOOR).returncode
            == 0
        )
        heard, _ = end(hears)
    assert heard == [f"{readings('w1')} by certificate", f"{readings('w2')} by password"]


def test_a_device_hears_its_own_receipts(house: House) -> None:
    with house.listening(Kind.DEVICE, "w1", "-t", accepted("w1"), "-C", "1", "-W", "10") as hears:
        assert house.publish(*INGEST, accepted("w1"), "receipt", door=SERVICE_DOOR).returncode == 0
        assert end(hears)[0] == [f"{accepted('w1')} receipt"]


@pytest.mark.parametrize("door", [DEVICE_DOOR, SERVICE_DOOR])
def test_nobody_comes_in_without_a_certificate_of_the_right_authority(house: House, door: int) -> None:
    of_rogue = house.settings(Kind.DEVICE, "w1", door=door, by=house.rogue)
    none = of_rogue.model_copy(update={"certificate_file": None, "key_file": None})
    wrong_door = house.settings(*(INGEST if door == DEVICE_DOOR else (Kind.DEVICE, "w1")), door=door)
    for settings, sentence in (
        (of_rogue, "does not know the authority"),
        (none, "asks for a certificate: set mqtt.certificate_file"),
        (wrong_door, "does not know the authority"),
    ):
        assert sentence in refusal(settings)


def test_an_ended_certificate_is_refused_and_called_ended(house: House) -> None:
    assert "has ended" in refusal(house.settings(Kind.DEVICE, "w-ended"))


def test_a_password_opens_only_the_door_for_passwords(house: House) -> None:
    for account in ("w1:wrong", "wardlight-ingest:ingest-secret"):
        user, _, password = account.partition(":")
        given = {
            "host": "127.0.0.1", "tls": True, "ca_file": house.authority.broker_place / "services.pem",
            "username": user, "password": password,
        }  # fmt: skip
        for door in (DEVICE_DOOR, SERVICE_DOOR, *((PASSWORD_DOOR,) if password == "wrong" else ())):
            with pytest.raises(Unavailable):
                enter(MqttSettings.model_validate({**given, "port": house.broker.port_of[door]}))


def test_a_broker_that_does_not_prove_itself_is_not_spoken_to(house: House) -> None:
    mine = house.settings(Kind.DEVICE, "w1")
    with pytest.raises(UntrustedServer, match=r"correct mqtt\.ca_file"):
        enter(mine.model_copy(update={"ca_file": house.rogue.broker_place / "services.pem"}))
    with pytest.raises(UntrustedServer, match=r"correct mqtt\.ca_file"):
        enter(mine.model_copy(update={"ca_file": None}))
    with pytest.raises(UntrustedServer, match=r"for other names than localhost: correct mqtt\.host"):
        enter(mine.model_copy(update={"host": "localhost"}))


def test_nothing_older_than_tls_1_2_and_nothing_in_the_clear(house: House) -> None:
    port = house.broker.port_of[DEVICE_DOOR]
    plain = MqttSettings(host="127.0.0.1", port=port, connect_timeout_s=3.0)
    with pytest.raises(Unavailable, match="may speak TLS alone"):
        enter(plain)
    with pytest.raises(Unavailable, match="may speak no TLS"):
        enter(house.settings(Kind.DEVICE, "w1", door=1883))
    place = house.authority.place_of(Kind.DEVICE, "w1")
    for version, comes_in in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context = ssl.create_default_context(cafile=place / "authority.pem")
        context.load_cert_chain(place / "certificate.pem", place / "key.pem")
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
            if comes_in:
                context.wrap_socket(raw, server_hostname="127.0.0.1").close()
            else:
                with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
                    context.wrap_socket(raw, server_hostname="127.0.0.1")


# What somebody tries who has the certificate of one device, w1.


def test_a_device_cannot_speak_for_anybody_else(house: House) -> None:
    others = (readings("w2"), accepted("w1"), accepted("w2"), ALERT, "wardlight/v1/heartbeat", "wardlight/v1/devices/w2/status",
              "wardlight/v1/alert-steps/ward/high/raised/spo2-low/p1", readings("wardlight-probe"), readings("w1/x"), "$SYS/broker/x")  # fmt: skip
    with house.listening(*INGEST, "-t", ALL_READINGS, "-C", "1", "-W", "10", door=SERVICE_DOOR) as hears:
        for topic in others:
            assert "Not authorized" in house.publish(Kind.DEVICE, "w1", topic, "forged", "-r").stderr, topic
        for pretended in (("-u", "w2"), ("-u", "wardlight", "-P", "x"), ("-i", "w2")):
            assert "Not authorized" in house.publish(Kind.DEVICE, "w1", readings("w2"), "forged", *pretended).stderr
        house.publish(Kind.DEVICE, "w1", readings("w1"), "own")
        assert end(hears)[0] == [f"{readings('w1')} own"]


def test_a_will_that_a_device_leaves_for_another_is_never_carried_out(house: House) -> None:
    with house.listening(*INGEST, "-t", ALL_READINGS, "-C", "1", "-W", "10", door=SERVICE_DOOR) as hears:
        for topic, word in ((readings("w2"), "forged"), (ALERT, "forged"), (readings("w1"), "own")):
            will = ("--will-topic", topic, "--will-payload", word)
            with house.listening(Kind.DEVICE, "w1", "-t", accepted("w1"), *will) as dies:
                begin = house.broker.said_bytes()
                dies.kill()
                house.broker.until_said("Client w1 ", begin)
        assert end(hears)[0] == [f"{readings('w1')} own"]


@pytest.mark.parametrize(
    "wanted",
    [
        ("-t", "#"),
        ("-t", "$SYS/#"),
        ("-t", "wardlight/#"),
        ("-t", accepted("+")),
        ("-t", ALL_READINGS),
        ("-t", readings("w2")),
        ("-t", ALERT),
        ("-t", f"$share/ours/{ALL_READINGS}", "-t", "$share/ours/wardlight/#"),
    ],
    ids=lambda wanted: wanted[-1],
)
def test_a_device_hears_nothing_that_is_not_meant_for_it(house: House, wanted: tuple[str, ...]) -> None:
    with house.listening(Kind.DEVICE, "w1", *wanted, "-W", "1") as hears:
        house.publish(Kind.DEVICE, "w2", readings("w2"), "vitals")
        house.publish(*ALERTS, ALERT, "alert", "-r", door=SERVICE_DOOR)
        house.publish(*INGEST, accepted("w2"), "receipt", door=SERVICE_DOOR)
        assert end(hears)[0] == []


def test_a_subscriber_hears_alerts_and_says_nothing(house: House) -> None:
    who = (Kind.SUBSCRIBER, "subscriber")
    with house.listening(*who, "-t", "wardlight/#", "-C", "1", "-W", "10", "-R") as hears:
        for topic in (readings("w1"), ALERT, "wardlight/v1/heartbeat"):
            assert "Not authorized" in house.publish(Kind.DEVICE, "w2", topic, "forged").stderr
        house.publish(*ALERTS, ALERT, "alert", "-r", door=SERVICE_DOOR)
        assert end(hears)[0] == [f"{ALERT} alert"]
    assert "Not authorized" in house.publish(*who, ALERT, "forged").stderr


@pytest.mark.parametrize("victim", ["wardlight-ingest", "w2"])
def test_nobody_is_thrown_out_by_a_device_that_uses_their_client_id(house: House, victim: str) -> None:
    is_device = victim == "w2"
    kind, door, topic = (
        (Kind.DEVICE, DEVICE_DOOR, accepted("w2")) if is_device else (Kind.SERVICE, SERVICE_DOOR, ALL_READINGS)
    )
    with house.listening(kind, victim, "-i", victim, "-c", "-t", topic, "-C", "1", "-W", "10", door=door) as hears:
        for options in (("-i", victim), ("-i", victim, "-c"), ("-i", victim, "-u", victim)):
            taken = house.publish(Kind.DEVICE, "w1", readings("w1") + "-none", "x", *options)
            assert taken.returncode == 0, "it comes in, as itself"
        ca = ("--cafile", str(house.authority.broker_place / "services.pem"))
        said = ("-i", victim, "-t", "wardlight/v1/devices/w1/status", "-n")
        house.broker.client("mosquitto_pub", *ca, *said, account="w1:device-secret", door=PASSWORD_DOOR)
        sender, topic = (INGEST, accepted("w2")) if is_device else ((Kind.DEVICE, "w2"), readings("w2"))
        house.publish(*sender, topic, "still there", door=SERVICE_DOOR if is_device else DEVICE_DOOR)
        heard, complaint = end(hears)
    assert "still there" in heard[-1]
    assert complaint == ""


# Certificates that change while the broker runs.


def test_rotation_overlaps_and_a_revoked_certificate_is_out_after_a_reload_its_connection_after_a_restart(
    tmp_path: Path,
) -> None:
    house = House(tmp_path / "house")
    try:
        former = tmp_path / "former"
        former.mkdir()
        place = house.authority.place_of(Kind.DEVICE, "w1")
        for name in ("certificate.pem", "key.pem", "authority.pem"):
            (former / name).write_bytes((place / name).read_bytes())
        house.authority.rotate("w1")
        new = house.settings(Kind.DEVICE, "w1")
        old = new.model_copy(update=files(former))
        enter(old)
        enter(new)
        house.authority.revoke("w1", reason="rotated", but_newest=True)
        enter(old)  # the broker has not read the list again
        with house.listening(Kind.DEVICE, "w2", "-t", accepted("w2")) as stands:
            house.authority.revoke("w2", reason="stolen")
            house.broker.reload()
            for refused in (old, house.settings(Kind.DEVICE, "w2")):
                assert "is revoked" in refusal(refused)
            enter(new)
            house.publish(*INGEST, accepted("w2"), "still heard", door=SERVICE_DOOR)
            assert stands.stdout is not None
            assert "still heard" in stands.stdout.readline(), "a reload cuts no connection that stands"
            house.broker.stop()
            house.broker.start()
            assert stands.wait(timeout=20) != 0, "a restart does"
        enter(new)
    finally:
        house.broker.stop()


def test_a_service_throws_out_a_revoked_device_by_its_client_id(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    try:
        with house.listening(Kind.DEVICE, "w2", "-t", accepted("w2")) as stands:
            house.authority.revoke("w2", reason="stolen")
            house.broker.reload()
            thrown = house.run(
                "mosquitto_pub", *INGEST, "-i", "w2", "-t", "wardlight/v1/check", "-n", door=SERVICE_DOOR
            )
            assert thrown.returncode == 0
            assert stands.wait(timeout=20) != 0, "it is out, and does not come in again"
    finally:
        house.broker.stop()


def test_the_brokers_own_certificate_is_exchanged_by_a_reload_and_a_list_it_cannot_read_is_said(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    mine = house.settings(Kind.DEVICE, "w1")
    try:
        house.clock.at_ms -= 30 * DAY_MS
        house.authority.rotate("127.0.0.1", days=1)
        house.broker.reload()
        with pytest.raises(UntrustedServer, match="has ended: renew it"):
            enter(mine)
        house.clock.at_ms += 30 * DAY_MS
        house.authority.rotate("127.0.0.1", also=["localhost"])
        house.broker.reload()
        enter(mine.model_copy(update={"host": "localhost"}))

        begin = house.broker.said_bytes()
        (house.authority.broker_place / "devices.crl").write_text("damaged", encoding="utf-8")
        house.broker.reload()
        house.broker.until_said("Unable to load certificate revocation file", begin)
        house.broker.stop()
        with pytest.raises(pytest.fail.Exception, match="certificate revocation file"):
            house.broker.start()
    finally:
        house.broker.stop()
