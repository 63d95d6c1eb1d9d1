"""The small authority: who signs whom, what no name may be, and that what is revoked stands in the broker's list."""

import datetime as dt
import fcntl
import ipaddress
import shutil
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from tests.support.small_authority import DAY_MS, DatedClock
from vitals.errors import ConfigurationError, Conflict, InvalidArgument, NotFound
from wardlight.authority import Authority, Issued, check_name
from wardlight.authority_register import Kind, Root

NOW_MS = 1_790_000_000_000


@pytest.fixture
def clock() -> DatedClock:
    return DatedClock(NOW_MS)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("authority") / "made"
    Authority(directory, clock=DatedClock(NOW_MS)).init(["ward.example", "127.0.0.1"])
    return directory


@pytest.fixture
def authority(tmp_path: Path, clock: DatedClock, made_once: Path) -> Authority:
    shutil.copytree(made_once, tmp_path / "authority")
    return Authority(tmp_path / "authority", clock=clock)


def certificate(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "certificate.pem").read_bytes())


def published(directory: Path, root: Root) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl((directory / "authority" / "broker" / f"{root}.crl").read_bytes())


def serials(directory: Path, root: Root = Root.DEVICES) -> set[str]:
    return {f"{each.serial_number:x}" for each in published(directory, root)}


def request(*, curve: ec.EllipticCurve | None = None) -> tuple[bytes, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wardlight")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM), key


def test_keys_are_for_their_owner_and_the_roots_keys_are_not_where_the_broker_looks(
    authority: Authority, tmp_path: Path
) -> None:
    authority.issue(Kind.DEVICE, "watch-1")
    keys = sorted((tmp_path / "authority").rglob("key.pem"))
    assert [str(key.relative_to(tmp_path / "authority").parent) for key in keys] == [
        "broker", "devices", "issued/devices/watch-1", "services",
    ]  # fmt: skip
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert {stat.S_IMODE(key.parent.stat().st_mode) for key in keys} == {0o700}
    mounted = {file.name for file in (tmp_path / "authority" / "broker").iterdir()}
    assert mounted == {"certificate.pem", "key.pem", "devices.pem", "devices.crl", "services.pem", "services.crl"}


@pytest.mark.parametrize(
    ("kind", "name", "root"),
    [
        (Kind.DEVICE, "watch-1", Root.DEVICES),
        (Kind.SUBSCRIBER, "subscriber-pager", Root.DEVICES),
        (Kind.SERVICE, "wardlight-ingest", Root.SERVICES),
    ],
)
def test_a_client_is_known_by_its_name_to_the_door_it_belongs_to_and_to_no_other(
    authority: Authority, tmp_path: Path, kind: Kind, name: str, root: Root
) -> None:
    made = authority.issue(kind, name)
    mine = certificate(made.directory)
    assert mine.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
    for each in Root:
        trusted = x509.load_pem_x509_certificate((tmp_path / "authority" / "broker" / f"{each}.pem").read_bytes())
        if each is root:
            mine.verify_directly_issued_by(trusted)
        else:
            with pytest.raises(ValueError, match=r".*"):
                mine.verify_directly_issued_by(trusted)


def test_the_brokers_certificate_holds_for_its_hosts_under_the_strictest_reading_and_for_no_other(
    authority: Authority, tmp_path: Path
) -> None:
    root = certificate(tmp_path / "authority" / "services")
    mine = certificate(tmp_path / "authority" / "broker")
    at = dt.datetime.fromtimestamp(NOW_MS / 1000, tz=dt.UTC)
    policy = PolicyBuilder().store(Store([root])).time(at)
    policy.build_server_verifier(x509.DNSName("ward.example")).verify(mine, [])
    policy.build_server_verifier(x509.IPAddress(ipaddress.ip_address("127.0.0.1"))).verify(mine, [])
    with pytest.raises(Exception, match="subject"):
        policy.build_server_verifier(x509.DNSName("other.example")).verify(mine, [])
    purposes = mine.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH], (
        "a device cannot pose as the broker, nor the broker as one"
    )


def test_serials_are_random_and_each_stands_in_the_register(authority: Authority) -> None:
    made = [authority.issue(Kind.DEVICE, f"watch-{n}").entry for n in range(3)]
    assert [entry.serial for entry in authority.entries()][1:] == [entry.serial for entry in made]
    assert len({entry.serial[:8] for entry in made}) == 3
    assert all(int(entry.serial, 16) > 2**64 for entry in made)


NO_DEVICES = (
    "", "+", "#", "a/b", "a b", "w1\n", "ä", ".w1", "x" * 65, "%u", "$SYS", "wardlight", "wardlight-ingest",
    "Wardlight-Ingest", "wardlight-probe", "subscriber", "simulators", "charting",
)  # fmt: skip
NO_OTHERS = (
    (Kind.SERVICE, "watch-1"),
    (Kind.SERVICE, "wardlightish"),
    (Kind.SERVICE, "wardlight-#"),
    (Kind.SUBSCRIBER, "wardlight"),
)


@pytest.mark.parametrize(("kind", "name"), [*((Kind.DEVICE, name) for name in NO_DEVICES), *NO_OTHERS])
def test_nobody_is_called_what_would_let_them_do_what_another_may(kind: Kind, name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_name(kind, name)


def test_a_name_or_a_host_that_is_refused_leaves_nothing_behind(authority: Authority) -> None:
    with pytest.raises(InvalidArgument, match="No device"):
        authority.issue(Kind.DEVICE, "wardlight-ingest")
    hosts = ["", "a b", "*.example", "ward.example:8883", "-ward", "ä.example", "x" * 64, "a." * 127 + "com"]
    for host in hosts:
        with pytest.raises(InvalidArgument, match="host"):
            authority.issue(Kind.SERVER, "kafka", hosts=["kafka", host])
    assert len(authority.entries()) == 1


def test_a_name_that_is_taken_is_not_given_again(authority: Authority) -> None:
    authority.issue(Kind.DEVICE, "watch-1")
    with pytest.raises(Conflict, match="rotate"):
        authority.issue(Kind.DEVICE, "watch-1")
    with pytest.raises(Conflict):
        authority.issue(Kind.SERVER, "watch-1", hosts=["watch-1"])
    with pytest.raises(Conflict, match="already"):
        authority.init(["ward.example"])


def test_rotation_leaves_the_former_certificate_valid_until_it_is_revoked(
    authority: Authority, clock: DatedClock, tmp_path: Path
) -> None:
    first = authority.issue(Kind.DEVICE, "watch-1").entry
    second = authority.rotate("watch-1").entry
    assert serials(tmp_path) == set()
    assert all(entry.is_valid(clock.now_ms()) for entry in (first, second))
    revoked = authority.revoke("watch-1", reason="rotated", but_newest=True)
    assert [entry.serial for entry in revoked] == [first.serial]
    assert serials(tmp_path) == {first.serial}
    assert authority.revoke("watch-1", reason="rotated", but_newest=True) == []
    authority.revoke("watch-1", reason="stolen")
    assert serials(tmp_path) == {first.serial, second.serial}
    assert serials(tmp_path, Root.SERVICES) == set()


def test_one_certificate_is_revoked_by_its_serial_and_an_unknown_one_is_said_to_be_unknown(
    authority: Authority, tmp_path: Path
) -> None:
    first = authority.issue(Kind.DEVICE, "watch-1").entry
    authority.rotate("watch-1")
    authority.revoke("watch-1", reason="lost", serial=first.serial)
    assert serials(tmp_path) == {first.serial}
    for name, serial in (("watch-2", None), ("watch-1", "abc")):
        with pytest.raises(NotFound):
            authority.revoke(name, reason="lost", serial=serial)
    with pytest.raises(NotFound):
        authority.rotate("watch-2")


def test_each_list_is_newer_than_the_last_never_of_the_future_and_does_not_end_before_its_root(
    authority: Authority, clock: DatedClock, tmp_path: Path
) -> None:
    seen = [published(tmp_path, Root.DEVICES)]
    authority.issue(Kind.DEVICE, "watch-1")
    for _ in range(3):
        authority.revoke("watch-1", reason="lost")
        seen.append(published(tmp_path, Root.DEVICES))
    began = [each.last_update_utc for each in seen]
    assert began == sorted(set(began))
    assert began[-1].timestamp() * 1000 < clock.now_ms()
    root = certificate(tmp_path / "authority" / "devices")
    assert {each.next_update_utc for each in seen} == {root.not_valid_after_utc}, (
        "a list that ended would shut everybody out"
    )
    assert all(each.is_signature_valid(root.public_key()) for each in seen)  # type: ignore[arg-type]


def test_what_has_ended_leaves_the_list(authority: Authority, clock: DatedClock, tmp_path: Path) -> None:
    authority.issue(Kind.DEVICE, "watch-1", days=10)
    authority.revoke("watch-1", reason="lost")
    clock.at_ms += 11 * DAY_MS
    second = authority.issue(Kind.DEVICE, "watch-2").entry
    authority.revoke("watch-2", reason="lost")
    assert serials(tmp_path) == {second.serial}


def test_no_certificate_outlives_its_root(authority: Authority, clock: DatedClock, tmp_path: Path) -> None:
    clock.at_ms += 3600 * DAY_MS
    made = authority.issue(Kind.DEVICE, "watch-1")
    root = certificate(tmp_path / "authority" / "devices")
    assert certificate(made.directory).not_valid_after_utc == root.not_valid_after_utc


def test_a_device_may_keep_its_key_and_what_its_request_calls_itself_is_not_believed(authority: Authority) -> None:
    pem, key = request()
    made: Issued = authority.issue(Kind.DEVICE, "watch-1", request=pem)
    mine = certificate(made.directory)
    assert mine.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "watch-1"
    assert mine.public_key() == key.public_key()
    assert not made.has_key
    assert not (made.directory / "key.pem").exists()


def test_a_request_that_is_none_or_for_another_kind_of_key_is_refused(authority: Authority) -> None:
    other, _ = request(curve=ec.SECP384R1())
    pem, _ = request()
    lines = pem.splitlines(keepends=True)
    forged = b"".join([*lines[:-2], lines[-2].swapcase(), lines[-1]])
    for wrong in (b"", b"-----BEGIN", other, forged):
        with pytest.raises(InvalidArgument):
            authority.issue(Kind.DEVICE, "watch-1", request=wrong)
    assert len(authority.entries()) == 1


def test_the_roots_keys_may_have_a_passphrase_without_which_nothing_is_signed(
    tmp_path: Path, clock: DatedClock
) -> None:
    directory = tmp_path / "closed"
    Authority(directory, clock=clock, passphrase=b"sesame").init(["ward.example"])
    assert b"ENCRYPTED" in (directory / "devices" / "key.pem").read_bytes()
    assert b"ENCRYPTED" not in (directory / "broker" / "key.pem").read_bytes(), "a broker cannot be asked"
    for wrong in (None, b"wrong"):
        with pytest.raises(ConfigurationError, match="WARDLIGHT_AUTHORITY_PASSPHRASE"):
            Authority(directory, clock=clock, passphrase=wrong).issue(Kind.DEVICE, "watch-1")
    Authority(directory, clock=clock, passphrase=b"sesame").issue(Kind.DEVICE, "watch-1")


def test_two_commands_at_once_do_not_lose_each_others_work(authority: Authority, tmp_path: Path) -> None:
    with (tmp_path / "authority" / ".lock").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="at work"):
            authority.issue(Kind.DEVICE, "watch-1")
    authority.issue(Kind.DEVICE, "watch-1")


def test_without_an_authority_or_with_a_damaged_register_it_says_so(tmp_path: Path, clock: DatedClock) -> None:
    with pytest.raises(ConfigurationError, match="authority init"):
        Authority(tmp_path / "none", clock=clock).entries()
    authority = Authority(tmp_path / "authority", clock=clock)
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "register.jsonl").write_text('{"name": "w1"}\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="damaged"):
        authority.entries()


def test_certificate_and_key_belong_together_and_load(authority: Authority) -> None:
    made = authority.rotate("ward.example", also=["10.0.0.5"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.directory / "certificate.pem", made.directory / "key.pem")
    assert made.entry.hosts == ("ward.example", "127.0.0.1", "10.0.0.5")
