"""Names, dates of birth, and addresses and secrets of destinations: sealed, names in a table of their own.

What is there is sealed on the way, which takes a key: without one, and with rows to seal, nothing happens. What is left of
the unsealed texts in the database's files `storage.migrate` scrubs afterwards.
"""

from typing import Final

import msgspec
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from runtime.keyring import Sealed
from storage.identities import Identity, born_about
from storage.sealing import open_sealed, seal

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None

IDENTIFIER = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_IDENTITY: Final = {"table": "identities", "column": "ciphertext"}
_DESTINATION: Final = {"table": "destinations", "column": "sealed"}


def upgrade() -> None:
    """Add table and columns, seal what is there, and take the unsealed columns away."""
    op.create_table(
        "identities",
        sa.Column("patient_id", IDENTIFIER, nullable=False),
        sa.Column("key_id", IDENTIFIER, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("record_token", IDENTIFIER),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.patient_id"], name="fk_identities_patient_id_patients"),
        sa.PrimaryKeyConstraint("patient_id", name="pk_identities"),
    )
    for column in ("key_id", "record_token"):
        op.create_index(f"ix_identities_{column}", "identities", [column])
    op.add_column("patients", sa.Column("born_about", sa.Text(), nullable=True))
    op.add_column("destinations", sa.Column("key_id", IDENTIFIER, nullable=True))
    op.add_column("destinations", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.create_index("ix_destinations_key_id", "destinations", ["key_id"])
    _seal_names()
    _seal_destinations()
    for table, columns in (("patients", ("name", "birth_date")), ("destinations", ("address", "secret", "options"))):
        for column in columns:
            op.drop_column(table, column)


def downgrade() -> None:
    """Open everything again, which takes the keys; record numbers are lost: the older schema has no place for them."""
    op.add_column("patients", sa.Column("name", sa.Text(), nullable=False, server_default=""))
    op.add_column("patients", sa.Column("birth_date", sa.Text(), nullable=True))
    op.add_column("destinations", sa.Column("address", sa.Text(), nullable=False, server_default=""))
    op.add_column("destinations", sa.Column("secret", sa.Text(), nullable=True))
    op.add_column("destinations", sa.Column("options", sa.Text(), nullable=False, server_default="{}"))
    _open_names()
    _open_destinations()
    op.drop_index("ix_destinations_key_id", "destinations")
    op.drop_column("destinations", "key_id")
    op.drop_column("destinations", "sealed")
    op.drop_column("patients", "born_about")
    op.drop_table("identities")


def _seal_names() -> None:
    conn = op.get_bind()
    read = sa.text("SELECT patient_id, name, birth_date, admitted_at_ms FROM patients")
    for row in conn.execute(read).all():
        plain = msgspec.json.encode(Identity(row.name, row.birth_date))
        sealed = seal(conn, plain, **_IDENTITY, row=row.patient_id)
        values = {"patient_id": row.patient_id, "key_id": sealed.key_id, "ciphertext": sealed.ciphertext}
        conn.execute(
            sa.text(
                "INSERT INTO identities (patient_id, key_id, ciphertext) VALUES (:patient_id, :key_id, :ciphertext)"
            ),
            values,
        )
        about = {"about": born_about(row.birth_date, row.admitted_at_ms), "patient_id": row.patient_id}
        conn.execute(sa.text("UPDATE patients SET born_about = :about WHERE patient_id = :patient_id"), about)


def _seal_destinations() -> None:
    conn = op.get_bind()
    read = sa.text("SELECT destination_id, address, secret, options FROM destinations WHERE removed_at_ms IS NULL")
    for row in conn.execute(read).all():
        options = msgspec.json.decode(row.options, type=dict[str, str])
        private: dict[str, object] = {"address": row.address, "options": options}
        if row.secret is not None:
            private["secret"] = row.secret
        sealed = seal(conn, msgspec.json.encode(private), **_DESTINATION, row=row.destination_id)
        values = {"key_id": sealed.key_id, "sealed": sealed.ciphertext, "destination_id": row.destination_id}
        conn.execute(
            sa.text(
                "UPDATE destinations SET key_id = :key_id, sealed = :sealed WHERE destination_id = :destination_id"
            ),
            values,
        )


def _open_names() -> None:
    conn = op.get_bind()
    for row in conn.execute(sa.text("SELECT patient_id, key_id, ciphertext FROM identities")).all():
        sealed = Sealed(row.key_id, bytes(row.ciphertext))
        known = msgspec.json.decode(open_sealed(conn, sealed, **_IDENTITY, row=row.patient_id), type=Identity)
        values = {"name": known.name, "birth_date": known.birth_date, "patient_id": row.patient_id}
        conn.execute(
            sa.text("UPDATE patients SET name = :name, birth_date = :birth_date WHERE patient_id = :patient_id"), values
        )


def _open_destinations() -> None:
    conn = op.get_bind()
    read = sa.text("SELECT destination_id, key_id, sealed FROM destinations WHERE sealed IS NOT NULL")
    for row in conn.execute(read).all():
        plain = open_sealed(conn, Sealed(row.key_id, bytes(row.sealed)), **_DESTINATION, row=row.destination_id)
        private = msgspec.json.decode(plain, type=dict[str, object])
        values = {
            "address": private["address"],
            "secret": private.get("secret"),
            "options": msgspec.json.encode(private.get("options", {})).decode(),
            "destination_id": row.destination_id,
        }
        conn.execute(
            sa.text(
                "UPDATE destinations SET address = :address, secret = :secret, options = :options"
                " WHERE destination_id = :destination_id"
            ),
            values,
        )
