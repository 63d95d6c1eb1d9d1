"""Which rows of patients the dashboard's role sees in PostgreSQL: those of the wards that its transaction names, none without.

The page's routes filter by what a person may see; this is the second lock behind them, for a route that forgets to. It is
no lock against somebody who runs SQL as that role, who may name every ward.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text

from storage.access import SERVICES, role_of
from vitals.topics import is_level

CONFINED: Final = role_of("dashboard")
WARDS, PATIENTS = "wardlight.wards", "wardlight.patients"
"""Settings of a transaction: the wards it may see, or `*`; and patients beside them. Ids, with spaces between."""

_EVERY: Final = "(SELECT current_setting('wardlight.wards', true)) = '*'"
_WARDS: Final = "(SELECT string_to_array(current_setting('wardlight.wards', true), ' '))::text[]"
_OPENED: Final = "(SELECT string_to_array(current_setting('wardlight.patients', true), ' '))::text[]"
_BY_PATIENT: Final = f"{_EVERY} OR patient_id IN (SELECT patient_id FROM patients)"  # noqa: S608 - our own names
"""The subquery sees what the policy of `patients` lets through: where the patient is now, whatever was measured where."""
_BY_ALERT: Final = f"{_BY_PATIENT} OR ward_id = ANY ({_WARDS}) OR ward_id = 'system'"
"""As the lists of alerts have it: with the patient, on the ward where it was last told of, or about Wardlight itself."""

POLICIES: Final[Mapping[str, str]] = {
    "patients": f"{_EVERY} OR ward_id = ANY ({_WARDS}) OR patient_id = ANY ({_OPENED})",
    "identities": _BY_PATIENT,
    "moves": _BY_PATIENT,
    "readings": _BY_PATIENT,
    "reading_minutes": _BY_PATIENT,
    "assessments": _BY_PATIENT,
    "withdrawals": _BY_PATIENT,
    "outcome_entries": _BY_PATIENT,
    "labels": _BY_ALERT,
    "episodes": _BY_ALERT,
    "transitions": f"{_EVERY} OR EXISTS (SELECT 1 FROM episodes WHERE episodes.episode_id = transitions.episode_id)",  # noqa: S608 - our own names
}
"""The condition of each table that is confined."""

_REGISTRY: Final = "says which device is whose by id; a device's page shows a wearer on another ward as taken"
_RULES: Final = "holds decisions about wards and limits, no measurement; listed by its own ward filter"
_TELLING: Final = "is told to persons by what they see at the moment of telling; read by its owner"
_MACHINERY: Final = "has no row of a single patient that the page shows"
_PEOPLE: Final = "is about staff, not patients"
UNCONFINED: Final[Mapping[str, str]] = {
    "devices": _REGISTRY, "assignments": _REGISTRY, "corrections": _REGISTRY,
    "decisions": _RULES, "rulebooks": _RULES, "rule_proposals": _RULES, "rule_changes": _RULES, "silences": _RULES,
    "ladders": _RULES, "schedules": _RULES, "schedule_overrides": _RULES, "contacts": _RULES,
    "ladder_steps": _TELLING, "sightings": _TELLING, "destinations": _TELLING, "subscriptions": _TELLING,
    "subscription_events": _TELLING, "deliveries": _TELLING, "receipts": _TELLING,
    "registry": _MACHINERY, "claims": _MACHINERY, "positions": _MACHINERY, "states": _MACHINERY, "instance": _MACHINERY,
    "operations": _MACHINERY, "model_candidates": _MACHINERY, "model_versions": _MACHINERY, "model_switches": _MACHINERY,
    "scorer_switches": _MACHINERY, "training_examples": "the dashboard may not read it at all",
    "training_patients": "the dashboard may not read it at all",
    "ledger_journal": _MACHINERY, "ledger_hours": _MACHINERY, "ledger_refusals": _MACHINERY, "ledger_boots": _MACHINERY,
    "ledger_findings": _MACHINERY, "rejections": "is of a device; many belong to no ward that is known",
    "people": _PEOPLE, "grants": _PEOPLE, "sessions": _PEOPLE, "api_tokens": _PEOPLE, "attempts": _PEOPLE,
    "glass": "says who opened whom: what signing in reads before any ward is known",
    "audit_entries": "is the auditor's, whole",
}  # fmt: skip
"""Every other table, with the reason why its rows are not confined."""


class Seen(NamedTuple):
    """What one transaction may see of patients."""

    every: bool = False
    wards: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()

    @property
    def settings(self) -> Mapping[str, str]:
        """The transaction's settings; what is no id, and could read as several or as every ward, is left out."""
        return {WARDS: "*" if self.every else _listed(self.wards), PATIENTS: _listed(self.patients)}


def _listed(ids: Iterable[str]) -> str:
    return " ".join(sorted(one for one in ids if is_level(one)))


EVERY_ROW: Final = Seen(every=True)
NO_ROW: Final = Seen()


def confine(conn: Connection, driver: "psycopg.Connection[object]") -> None:
    """Lay the policies of the tables that are there; everybody but the dashboard's role sees all of what it is granted."""
    owner = str(conn.execute(text("SELECT current_user")).scalar_one())
    there = set(conn.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")).scalars())
    others = sql.SQL(", ").join(
        sql.Identifier(name) for name in dict.fromkeys((owner, *map(role_of, SERVICES))) if name != CONFINED
    )
    for table, condition in POLICIES.items():
        if table not in there:
            continue
        for command in (
            "DROP POLICY IF EXISTS wardlight_whole ON {table}",
            "DROP POLICY IF EXISTS wardlight_wards ON {table}",
            "CREATE POLICY wardlight_whole ON {table} TO {others} USING (true) WITH CHECK (true)",
            "CREATE POLICY wardlight_wards ON {table} TO {confined} USING ({condition}) WITH CHECK ({condition})",
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        ):
            driver.execute(
                sql.SQL(command).format(
                    table=sql.Identifier(table),
                    others=others,
                    confined=sql.Identifier(CONFINED),
                    condition=sql.SQL(condition),
                )
            )


def look(conn: Connection, seen: Seen) -> None:
    """Say for the rest of this transaction what it may see."""
    query = text("SELECT set_config(:wards, :seen_wards, true), set_config(:patients, :seen_patients, true)")
    settings = seen.settings
    conn.execute(
        query,
        {"wards": WARDS, "seen_wards": settings[WARDS], "patients": PATIENTS, "seen_patients": settings[PATIENTS]},
    )
