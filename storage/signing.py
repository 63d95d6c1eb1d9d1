"""Signatures over stored states and models: nothing is loaded that this installation did not write."""

import hashlib
import hmac

from sqlalchemy import Connection, select

from storage import tables
from storage.states import StateRow
from vitals.errors import ConfigurationError, SnapshotMismatch

SIGNING_KEY_NAME = "signing_key"


class Signer:
    """HMAC-SHA256 with the installation's key, over everything that says what a state is and where it belongs."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def signed(self, group: str, partition: int, *, key: str, offset: int, blob: bytes, pipeline_hash: str) -> StateRow:
        """A state with its signature."""
        signature = self._signature(group, partition, key, offset, blob, pipeline_hash)
        return StateRow(key, offset, blob, pipeline_hash, signature)

    def verify(self, group: str, partition: int, row: StateRow) -> None:
        """Raises SnapshotMismatch unless this installation signed exactly this state for this place."""
        expected = self._signature(group, partition, row.key, row.offset, row.blob, row.pipeline_hash)
        if not hmac.compare_digest(expected, row.signature):
            raise SnapshotMismatch(f"The state of {row.key} in {group}/{partition} is not signed by this installation.")

    def seal(self, purpose: str, body: bytes) -> bytes:
        """The signature of any other statement of this installation; one for one `purpose` stands for no other."""
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (b"seal", purpose.encode(), body):
            mac.update(len(part).to_bytes(8, "big") + part)
        return mac.digest()

    def _signature(self, group: str, partition: int, key: str, offset: int, blob: bytes, pipeline_hash: str) -> bytes:
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (group.encode(), b"%d" % partition, key.encode(), b"%d" % offset, pipeline_hash.encode(), blob):
            mac.update(len(part).to_bytes(8, "big") + part)
        return mac.digest()


def load_signer(conn: Connection) -> Signer:
    """The signer with the key that the first upgrade created; raises ConfigurationError where there is none."""
    columns = tables.instance.c
    key = conn.execute(select(columns.value).where(columns.name == SIGNING_KEY_NAME)).scalar_one_or_none()
    if key is None:
        raise ConfigurationError("The database has no signing key: run `wardlight db upgrade`.")
    return Signer(key)
