"""Keeps the rulebook: puts in force the one of the program or of a file, judges those that people propose, renews the cache.

A text that cannot be taken changes nothing: the book in force goes on, the log and a metric say so, whoever proposed it is
told why.
"""

import asyncio
import hashlib
import threading
from pathlib import Path
from typing import Final

import structlog

from alerts.bundled_rules import default_book, read_book
from alerts.decision_cache import DecisionCache
from alerts.rulebook import Rulebook
from alerts.rulebook_text import BYTES_MAX, Mark, RulebookError
from runtime.blocking import Door
from runtime.clock import Clock
from runtime.telemetry import Telemetry
from storage import rulebooks
from storage.decisions import SETTLE_MS, begin_decision
from storage.rulebooks import BookOrder, BookSource, Proposal, ProposalState, StoredBook
from storage.session import Connection, Database
from vitals.errors import Unavailable

log = structlog.get_logger()

COMPONENT: Final = "alert-rules"
_REFUSED: Final = "wardlight_alerts_rulebooks_refused_total"
_FAULT: Final = "wardlight_alerts_rules_file_refused"


class RulebookKeeper:
    """One in each alert service; several do no harm, since a book is put down once."""

    def __init__(
        self,
        *,
        database: Database,
        door: Door,
        clock: Clock,
        telemetry: Telemetry,
        cache: DecisionCache,
        file: Path | None,
        renew_s: float,
        file_every_s: float,
    ) -> None:
        self._database = database
        self._door = door
        self._clock = clock
        self._telemetry = telemetry
        self._cache = cache
        self._file = file
        self._renew_s = renew_s
        self._file_every_s = file_every_s
        self._file_looked_s = float("-inf")
        self._file_hash: str | None = None
        """Of what the file held at the last look."""
        self._has_begun = False
        self._turn = threading.Lock()
        self._unfitting: frozenset[str] = frozenset()
        self.fault: str | None = None
        """Why the file is not taken; None where it is, or where there is none."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Look every `renew_s` until `stopping`."""
        working = asyncio.create_task(self._work(), name=COMPONENT)
        asked = asyncio.create_task(stopping.wait(), name=f"{COMPONENT}-stopping")
        try:
            await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            asked.cancel()
            working.cancel()
            await asyncio.gather(asked, working, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            try:
                await self._door.run(self.look)
            except Unavailable as error:
                # What is known goes on to hold; what is decided meanwhile is known once the database answers.
                log.warning("decisions_not_renewed", error=str(error))
            await self._clock.sleep(self._renew_s)

    def look(self) -> None:
        """Put in force what is to be, judge what was proposed, renew the cache; blocks, raises Unavailable."""
        with self._turn:
            self._look()

    def _look(self) -> None:
        if self._clock.monotonic_s() - self._file_looked_s >= self._file_every_s:
            self._follow_file()
            self._file_looked_s = self._clock.monotonic_s()
        self._begin()
        with self._database.snapshot() as conn:
            waiting = rulebooks.waiting(conn)
        for proposal in waiting:
            self._judge(proposal)
        self._cache.renew()
        self._tell_unfitting()

    def _begin(self) -> None:
        """Once: some book must be in force, and the program's own one is renewed with the program."""
        if self._has_begun:
            return
        ours = default_book()
        with self._database.transaction() as conn:
            last = rulebooks.last_book(conn)
            if last is None or (last.version != ours.version and self._gives_way(last)):
                self._put(
                    conn, ours, BookSource.PROGRAM, by="Wardlight", reason="The book that comes with the program."
                )
        self._has_begun = True

    def _gives_way(self, last: StoredBook) -> bool:
        """Whether a book makes room for the program's own: an older one of it, or a file's where none is named any more."""
        return last.source is BookSource.PROGRAM or (last.source is BookSource.FILE and self._file is None)

    def _follow_file(self) -> None:
        if self._file is None:
            return
        try:
            content = _content(self._file)
        except OSError as error:
            self._refuse_file(None, f"{self._file} cannot be read: {error.strerror}.")
            return
        file_hash = hashlib.sha256(content).hexdigest()
        if file_hash == self._file_hash:
            return
        try:
            book = read_book(_decoded(content))
        except RulebookError as error:
            self._refuse_file(file_hash, f"{self._file}: {error}")
            return
        with self._database.transaction() as conn:
            if self._file_hash is not None or self._is_news(conn, book):
                self._put(conn, book, BookSource.FILE, by=str(self._file), reason="What the file says.")
        self._file_hash, self.fault = file_hash, None
        self._telemetry.set(_FAULT, 0)

    def _is_news(self, conn: Connection, book: Rulebook) -> bool:
        """At the first look: what somebody ordered after the file was taken last is not undone by a restart."""
        last, last_of_file = rulebooks.last_book(conn), rulebooks.last_book(conn, source=BookSource.FILE)
        if last is None or last_of_file is None or last.source is BookSource.PROGRAM:
            return True
        return last_of_file.version != book.version

    def _refuse_file(self, file_hash: str | None, sentence: str) -> None:
        if sentence != self.fault:
            log.error("rules_file_refused", error=sentence, in_force="the book before it")
            self._telemetry.count(_REFUSED, source=BookSource.FILE.value)
        self._telemetry.set(_FAULT, 1)
        self._file_hash, self.fault = file_hash, sentence

    def _judge(self, proposal: Proposal) -> None:
        try:
            book = read_book(proposal.yaml)
        except RulebookError as error:
            self._telemetry.count(_REFUSED, source=BookSource.PERSON.value)
            with self._database.transaction() as conn:
                rulebooks.answer(conn, proposal.proposal_id, ProposalState.REFUSED, sentence=str(error))
            return
        with self._database.transaction() as conn:
            begin_decision(conn)
            if rulebooks.get_proposal(conn, proposal.proposal_id).state is not ProposalState.WAITING:
                return
            taken = self._put(
                conn,
                book,
                BookSource.PERSON,
                by=proposal.by,
                reason=proposal.reason,
                person_id=proposal.person_id,
            )
            rulebooks.answer(conn, proposal.proposal_id, ProposalState.TAKEN, number=taken.number)

    def _put(
        self,
        conn: Connection,
        book: Rulebook,
        source: BookSource,
        *,
        by: str,
        reason: str,
        person_id: str | None = None,
    ) -> StoredBook:
        order = BookOrder(book.text, book.part(), source, by, reason, person_id)
        stored = rulebooks.put_in_force(conn, order, at_ms=self._clock.now_ms(), settle_ms=SETTLE_MS)
        log.info("rulebook_in_force", number=stored.number, version=stored.version, source=stored.source.value, by=by)
        return stored

    def _tell_unfitting(self) -> None:
        unfitting = self._cache.unfitting()
        for change_id in sorted(unfitting - self._unfitting):
            log.error("rule_change_does_not_fit_the_book", change_id=change_id)
        self._unfitting = unfitting


def _content(file: Path) -> bytes:
    """As much of the file as is read: one byte too many shows that it is too long."""
    with file.open("rb") as stream:
        return stream.read(BYTES_MAX + 1)


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RulebookError(Mark(line, 1), "bytes that are no UTF-8", "a text in UTF-8") from error
