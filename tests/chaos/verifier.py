"""What must not happen, counted: lost, duplicated, late, wrong. Pure: truth against what SQL, log and MQTT hold afterwards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SAMPLES_MAX = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """One alert episode as SQL holds it."""

    episode_id: str
    patient_id: str
    kind: str
    is_open: bool
    is_technical: bool
    """About a device or a service, not about what a patient's signs say."""
    is_told: bool
    """Open, and so it is to stand retained."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What happened, from those who made it happen."""

    made: frozenset[str]
    """Every reading measured."""
    receipted: frozenset[str]
    """Readings that their devices have let go."""
    due: Mapping[str, int]
    """Every alert due, by the id of its episode: when what raises it was measured, epoch milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is there afterwards."""

    stored: Sequence[str]
    """Reading ids of SQL, a row each."""
    assessed: Sequence[str]
    in_log: Mapping[str, int]
    """How often each reading stands in the log; more than once is allowed, the id is the same."""
    assessments: Mapping[str, int]
    """How many different bodies the log holds for each reading's assessment."""
    steps: Mapping[str, int]
    """And for each step of an alert."""
    episodes: Sequence[Row]
    told_ms: Mapping[str, int]
    """When each episode was first heard of over MQTT."""
    retained: frozenset[str]
    """Episodes that stand retained."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Counts that must be 0, and a few examples of each."""

    lost: int
    duplicated: int
    late: int
    wrong: int
    examples: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.duplicated or self.late or self.wrong)


@dataclass
class _Book:
    """Counts by column; mutable."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, column: str, what: str, ids: Sequence[str] | set[str] | frozenset[str]) -> None:
        self.counts[column] += len(ids)
        self.examples += [f"{column}: {what}: {each}" for each in sorted(ids)[:SAMPLES_MAX]]


def verify(truth: Truth, found: Found, *, late_after_s: float) -> Verdict:
    """Hold what is there against the truth; an alert is late that was told more than `late_after_s` after its measurement."""
    book = _Book()
    _readings(truth, found, book)
    _alerts(truth, found, book, late_after_s)
    counts = book.counts
    return Verdict(
        lost=counts["lost"],
        duplicated=counts["duplicated"],
        late=counts["late"],
        wrong=counts["wrong"],
        examples=tuple(book.examples),
    )


def _readings(truth: Truth, found: Found, book: _Book) -> None:
    stored, assessed = set(found.stored), set(found.assessed)
    book.add("lost", "measured and never receipted", truth.made - truth.receipted)
    book.add("lost", "receipted and not in the log", truth.receipted - found.in_log.keys())
    book.add("lost", "receipted and not in SQL", truth.receipted - stored)
    book.add("lost", "stored and not assessed", stored - assessed)
    book.add("wrong", "in SQL and never measured", stored - truth.made)
    book.add("wrong", "assessed and never measured", assessed - truth.made)
    book.add("duplicated", "rows of one reading", _repeated(found.stored))
    book.add("duplicated", "rows of one assessment", _repeated(found.assessed))
    book.add("wrong", "assessed in two ways", {each for each, bodies in found.assessments.items() if bodies > 1})


def _alerts(truth: Truth, found: Found, book: _Book, late_after_s: float) -> None:
    clinical = [row for row in found.episodes if not row.is_technical]
    raised = {row.episode_id for row in clinical}
    book.add("wrong", "due and not raised", truth.due.keys() - raised)
    book.add("wrong", "raised and not due", raised - truth.due.keys())
    book.add("wrong", "a step told in two ways", {each for each, bodies in found.steps.items() if bodies > 1})
    open_kinds = Counter((row.patient_id, row.kind) for row in found.episodes if row.is_open)
    book.add("duplicated", "open twice", {" ".join(each) for each, count in open_kinds.items() if count > 1})
    book.add("duplicated", "rows of one episode", _repeated([row.episode_id for row in found.episodes]))
    standing = {row.episode_id for row in found.episodes if row.is_told}
    book.add("lost", "open and not retained", standing - found.retained)
    book.add("wrong", "retained and not open", found.retained - standing)
    book.add("lost", "raised and never told", (truth.due.keys() & raised) - found.told_ms.keys())
    late = {
        each
        for each, measured_ms in truth.due.items()
        if each in found.told_ms and found.told_ms[each] - measured_ms > late_after_s * 1000
    }
    book.add("late", f"told more than {late_after_s:g} s after it was measured", late)


def _repeated(ids: Sequence[str]) -> set[str]:
    return {each for each, count in Counter(ids).items() if count > 1}
