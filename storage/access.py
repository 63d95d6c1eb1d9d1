"""Who may do what with which table of PostgreSQL: a role for each service, granted as this table says and nothing beyond.

The owner, who brings the schema up to date and restores, is whoever runs `wardlight db upgrade`; it needs no entry.
"""

from collections.abc import Mapping, Sequence
from typing import Final

SERVICES: Final = ("ingest", "recorder", "stream", "trainer", "alerts", "dashboard", "operator")
"""The operator is whoever types commands on the server: backup, users, rebuild, trim."""

VERBS: Final[Mapping[str, str]] = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}

HIDDEN_COLUMNS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "people": {"alerts": frozenset({"password_hash", "subject", "must_change"})},
}
"""Columns of a table that a service which reads it does not get to see."""


def role_of(service: str) -> str:
    """The name of a service's role in PostgreSQL."""
    return f"wardlight_{service}"


def verbs_of(grid: str) -> Mapping[str, Sequence[str]]:
    """`recorder:SI stream:S` as the verbs of each service."""
    return {
        service: [VERBS[letter] for letter in letters]
        for service, _, letters in (entry.partition(":") for entry in grid.split())
    }


GRANTS: Final[Mapping[str, str]] = {
    # Who is on the wards. Scores take age and sex of a patient; ingest admits where `enroll_unassigned` is on.
    "registry": "ingest:SU recorder:SU stream:S alerts:S dashboard:SU operator:SU",
    "patients": "ingest:SI recorder:SU stream:S trainer:S alerts:S dashboard:SIU operator:SU",
    "identities": "ingest:SI stream:S alerts:S dashboard:SIUD operator:SU",
    "devices": "ingest:SI recorder:S alerts:S dashboard:SI operator:S",
    "assignments": "ingest:SIU recorder:S alerts:S dashboard:SIUD operator:S",
    "moves": "ingest:SI alerts:S dashboard:SI operator:S",
    "corrections": "alerts:SU dashboard:SI operator:S",
    # What the log's readers remember.
    "claims": "recorder:SIU stream:SIU trainer:SIU alerts:SIU dashboard:S operator:SIU",
    "positions": "recorder:SIU stream:SIU trainer:SIU alerts:SIU dashboard:S operator:SIUD",
    "states": "stream:SIUD trainer:SIUD alerts:SIUD dashboard:S operator:SUD",
    "instance": "stream:S trainer:S alerts:S dashboard:S operator:S",
    "operations": "recorder:SIU alerts:SIU dashboard:S operator:SIU",
    # History. Only the recorder writes what was measured.
    "readings": "recorder:SIUD trainer:S alerts:S dashboard:S operator:SIUD",
    "assessments": "recorder:SIUD alerts:S dashboard:S operator:SIUD",
    "rejections": "recorder:SIUD alerts:S dashboard:SU operator:SIUD",
    "reading_minutes": "recorder:SIUD dashboard:S operator:SIUD",
    "withdrawals": "recorder:SI dashboard:S operator:SI",
    "labels": "recorder:SID trainer:S dashboard:S operator:SID",
    "outcome_entries": "recorder:SI trainer:S dashboard:S operator:SI",
    "ledger_journal": "recorder:SID dashboard:S operator:SID",
    "ledger_hours": "recorder:SIUD dashboard:S operator:S",
    "ledger_refusals": "recorder:SIUD dashboard:S operator:S",
    "ledger_boots": "recorder:SIUD dashboard:S operator:S",
    "ledger_findings": "recorder:SIUD dashboard:S operator:S",
    # Alerts, and what people decided about them.
    "episodes": "recorder:SD trainer:S alerts:SIU dashboard:S operator:SIUD",
    "transitions": "recorder:SD trainer:S alerts:SI dashboard:S operator:SID",
    "decisions": "alerts:SU dashboard:SU operator:S",
    "rulebooks": "alerts:SI dashboard:S operator:S",
    "rule_proposals": "alerts:SU dashboard:SIU operator:S",
    "rule_changes": "alerts:S dashboard:SIU operator:S",
    "silences": "alerts:S dashboard:SIU operator:S",
    "ladders": "alerts:S dashboard:SI operator:S",
    "schedules": "alerts:S dashboard:SIU operator:S",
    "schedule_overrides": "alerts:S dashboard:SIU operator:S",
    "contacts": "alerts:S dashboard:SIUD operator:S",
    "ladder_steps": "alerts:SI dashboard:S operator:S",
    "sightings": "alerts:S dashboard:SIU operator:S",
    "destinations": "alerts:SU dashboard:SIU operator:SU",
    "subscriptions": "alerts:SU dashboard:SIU operator:S",
    "subscription_events": "recorder:SD alerts:SID dashboard:S operator:SD",
    "deliveries": "recorder:SD alerts:SIUD dashboard:SIU operator:SD",
    "receipts": "recorder:SD alerts:SID dashboard:SI operator:SD",
    # Learning.
    "training_examples": "trainer:SIUD operator:S",
    "training_patients": "trainer:SIUD operator:S",
    "model_candidates": "stream:S trainer:SIU dashboard:SU operator:S",
    "model_versions": "stream:S trainer:SIU dashboard:SU operator:S",
    "model_switches": "stream:S trainer:SIU dashboard:SIU operator:S",
    "scorer_switches": "stream:SIUD trainer:S dashboard:S operator:S",
    # People. Nobody may change or delete what stands in the audit trail.
    "people": "alerts:S dashboard:SIU operator:SIU",
    "grants": "alerts:S dashboard:SID operator:SID",
    "sessions": "dashboard:SIUD operator:SUD",
    "api_tokens": "dashboard:SIU operator:SIU",
    "attempts": "dashboard:SIUD operator:SIUD",
    "glass": "dashboard:SI operator:S",
    "audit_entries": "dashboard:SI operator:SI",
}
"""What each service may do with each table: S(elect), I(nsert), U(pdate), D(elete). A table that is not here is the owner's alone."""
