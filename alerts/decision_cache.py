"""What people decided, held in memory and renewed from SQL: the policy of a running alert service."""

from typing import Final

import structlog

from alerts.bundled_rules import default_book, read_book
from alerts.decided import DatedBook, Decided, Memo
from alerts.rulebook import Rulebook
from alerts.rulebook_text import RulebookError
from alerts.rules import AlertRules
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import rule_changes, rulebooks, silences
from storage.decisions import decisions_version
from storage.session import Connection, Database
from vitals.alert import AlertKind, Priority, Suppression
from vitals.reading import PatientId, WardId

log = structlog.get_logger()

BOOKS_MAX: Final = 200
"""Books that a replay may reach back to."""


class DecisionCache:
    """A `Policy`: the last known decisions. While the database does not answer they go on to hold.

    Before the first `renew` the book that comes with the program holds.
    """

    def __init__(self, *, database: Database, clock: Clock, telemetry: Telemetry, reach_ms: int) -> None:
        """`reach_ms`: how far back decisions are known, for a replay."""
        self._database = database
        self._clock = clock
        self._telemetry = telemetry
        self._reach_ms = reach_ms
        self._version: int | None = None
        self._read: dict[str, Rulebook | None] = {}
        """Books by version; None what this program cannot read."""
        self._memo = Memo()
        self._decided = Decided([DatedBook(0, default_book())], memo=self._memo)

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:
        """See `Policy`."""
        return self._decided.rules(patient_id, ward_id, at_ms)

    def silence(
        self, patient_id: PatientId, ward_id: WardId, kind: AlertKind, priority: Priority, at_ms: int
    ) -> Suppression | None:
        """See `Policy`."""
        return self._decided.silence(patient_id, ward_id, kind, priority, at_ms)

    def book(self, at_ms: int) -> Rulebook:
        """The book in force at this moment."""
        return self._decided.book(at_ms)

    def renew(self) -> None:
        """Read what was decided since the last time, if anything; blocks on SQL, raises Unavailable."""
        with self._database.snapshot() as conn:
            version = decisions_version(conn)
            if version == self._version:
                return
            from_ms = self._clock.now_ms() - self._reach_ms
            self._decided = Decided(
                self._books(conn, from_ms),
                rule_changes.held_since(conn, from_ms),
                silences.held_since(conn, from_ms),
                memo=self._memo,
            )
        self._version = version

    def unfitting(self) -> frozenset[str]:
        """Changes that were asked for and do not fit the book in force: what they are about stands as the book says."""
        return self._memo.misfits()

    def _books(self, conn: Connection, from_ms: int) -> list[DatedBook]:
        """The books since then; of what cannot be read the one before goes on."""
        dated: list[DatedBook] = []
        for stored in rulebooks.books_since(conn, from_ms, limit=BOOKS_MAX):
            book = self._book(stored.version, stored.yaml)
            if book is not None:
                dated.append(DatedBook(stored.effective_ms, book))
        known = {dated_book.book.version for dated_book in dated}
        self._read = {version: book for version, book in self._read.items() if book is None or version in known}
        return dated or [DatedBook(0, default_book())]

    def _book(self, version: str, text: str) -> Rulebook | None:
        if version in self._read:
            return self._read[version]
        try:
            book = read_book(text)
        except RulebookError as error:
            log.error("rulebook_not_readable", version=version, error=str(error))  # noqa: TRY400 - the sentence says it all
            self._telemetry.count("wardlight_alerts_rulebooks_refused_total", source="stored")
            book = None
        self._read[version] = book
        return book
