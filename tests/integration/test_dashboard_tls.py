"""The page over TLS by its own certificate, and under a name of the hospital's."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dashboard.permissions import Role
from tests.e2e.test_page_people import PASSWORD, add, guarded
from tests.support.ward_scene import WARD, serving

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]
NAME = "ward.hospital.example"


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for `NAME` and localhost, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    since = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME), x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = directory / "ward.pem", directory / "ward.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secret.write_bytes(private)
    return chain, secret


async def test_over_tls_and_under_an_allowed_name_the_cookie_is_for_tls_only(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    async with guarded(tmp_path) as scene:
        scene.settings = scene.settings.model_copy(
            update={"tls_cert_file": chain, "tls_key_file": key, "allowed_hosts": (NAME,)}
        )
        await add(scene, "kim", (Role.NURSE, WARD))
        async with serving(scene) as dashboard:
            assert dashboard.url.startswith("https://127.0.0.1:")
            base = dashboard.url.replace("127.0.0.1", "localhost")
            trust = ssl.create_default_context(cafile=str(chain))
            async with httpx.AsyncClient(verify=trust, base_url=base, trust_env=False) as client:
                body = {"login": "kim", "password": PASSWORD}
                signed = await client.post("api/v1/sign-in", json=body, headers={"host": NAME})
                assert signed.status_code == 200
                cookie = signed.headers["set-cookie"]
                assert cookie.startswith("__Host-wardlight=")
                assert cookie.endswith("; Secure")
                assert (await client.get("healthz", headers={"host": "evil.example"})).status_code == 421
