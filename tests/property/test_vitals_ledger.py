"""Whatever is lost, repeated, refused and replayed, in whatever order: the book names exactly what is missing."""

from hypothesis import given
from hypothesis import strategies as st

from vitals.ledger import HOUR_MS, BootBook, Gap, GapCause, cause_of, runs_of

MAX = 40
ACCEPTED, REFUSED = "accepted", "refused"
events = st.lists(st.tuples(st.sampled_from([ACCEPTED, ACCEPTED, REFUSED]), st.integers(0, MAX)), max_size=60)


class Reference:
    """The same with plain sets."""

    def __init__(self) -> None:
        self.accepted: set[int] = set()
        self.refused: set[int] = set()

    def missing(self) -> set[int]:
        """Below the highest heard, neither accepted nor refused."""
        heard = self.accepted | self.refused
        return set(range(max(heard) + 1)) - heard if heard else set()


def numbers(runs: list[Gap]) -> list[int]:
    return [number for run in runs for number in range(run.first, run.last + 1)]


def play(book: BootBook, said: list[tuple[str, int]], *, runs_max: int = 256) -> tuple[Reference, int, int]:
    """Feed both; how many were new to the book, and how many refusals it says were mended."""
    reference, new, mended = Reference(), 0, 0
    for what, number in said:
        if what == ACCEPTED:
            found = book.accept(
                number, number, hour_ms=0, at_ms=0, is_new=number not in reference.accepted, runs_max=runs_max
            )
            assert bool(found.repeated) == (number in reference.accepted)
            reference.accepted.add(number)
            reference.refused.discard(number)
            new += found.new
            mended += sum(found.mended.values())
        else:
            found = book.refuse(number, "implausible", hour_ms=0, at_ms=0, runs_max=runs_max)
            if number not in reference.accepted:
                reference.refused.add(number)
            new += found.new
    return reference, new, mended


@given(events)
def test_the_book_names_exactly_what_is_missing(said: list[tuple[str, int]]) -> None:
    book = BootBook()
    reference, new, mended = play(book, said)
    assert numbers(book.gaps) == sorted(reference.missing())
    assert book.refused_count == len(reference.refused)
    assert book.accepted == len(reference.accepted)
    assert book.next == len(reference.accepted) + len(reference.refused) + len(reference.missing())
    assert new == len(reference.accepted | reference.refused)
    assert mended <= new


@given(events)
def test_a_book_that_may_follow_few_runs_still_balances(said: list[tuple[str, int]]) -> None:
    book = BootBook()
    reference, _, _ = play(book, said, runs_max=2)
    assert len(book.gaps) <= 2
    assert len(book.refused) <= 2
    assert book.next == book.accepted + book.refused_count + book.missing + book.forgotten
    twice = reference.accepted & {number for what, number in said if what == "refused"}
    assert book.accepted + book.refused_count <= len(reference.accepted | reference.refused) + len(twice)
    assert book.missing + book.forgotten + len(twice) >= len(reference.missing())


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.permutations(range(10)))
def test_the_order_of_arrival_does_not_matter(heard: list[int], order: list[int]) -> None:
    straight, mixed = BootBook(), BootBook()
    for number in sorted(set(heard)):
        straight.accept(number, number, hour_ms=0, at_ms=0)
    shuffled = [heard[place % len(heard)] for place in order] + heard
    for number in shuffled:
        mixed.accept(number, number, hour_ms=0, at_ms=0, is_new=False)
    assert numbers(mixed.gaps) == numbers(straight.gaps)
    assert mixed.next == straight.next


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), min_size=1, max_size=20))
def test_runs_say_the_same_as_their_numbers_one_by_one(runs: list[tuple[int, int]]) -> None:
    at_once, singly = BootBook(), BootBook()
    for first, more in runs:
        at_once.accept(first, first + more, hour_ms=0, at_ms=0, is_new=False)
        for number in range(first, first + more + 1):
            singly.accept(number, number, hour_ms=0, at_ms=0, is_new=False)
    assert numbers(at_once.gaps) == numbers(singly.gaps)
    assert (at_once.next, at_once.accepted) == (singly.next, singly.accepted)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=50))
def test_runs_hold_the_numbers_they_were_made_of(said: list[int]) -> None:
    assert [n for first, last in runs_of(said) for n in range(first, last + 1)] == sorted(set(said))


def test_a_late_upload_fills_its_gap_in_the_hour_it_was_missed() -> None:
    book = BootBook()
    book.accept(0, 9, hour_ms=0, at_ms=1)
    book.accept(20, 29, hour_ms=HOUR_MS, at_ms=2)
    assert book.gaps == [Gap(10, 19, HOUR_MS, 2)]
    found = book.accept(12, 14, hour_ms=0, at_ms=9)
    assert found.new == 3
    assert book.gaps == [Gap(10, 11, HOUR_MS, 2), Gap(15, 19, HOUR_MS, 2)]
    assert book.missing == 7


def test_a_replayed_refusal_is_mended_and_counted_once() -> None:
    book = BootBook()
    for number in (0, 1):
        assert book.refuse(number, "unassigned", hour_ms=0, at_ms=0).new == 1
    assert book.refuse(1, "unassigned", hour_ms=0, at_ms=0).repeated == 1
    assert book.accept(0, 1, hour_ms=HOUR_MS, at_ms=5).mended == {("unassigned", 0): 2}
    assert (book.accepted, book.refused_count, book.missing) == (2, 0, 0)
    assert book.refuse(1, "implausible", hour_ms=0, at_ms=0).repeated == 1


def test_numbers_from_before_the_ledger_are_found_after_all_by_the_database() -> None:
    book = BootBook(next=100, forgotten=10)
    assert book.accept(5, 7, hour_ms=0, at_ms=0, is_new=True).forgotten == {0: -3}
    assert book.accept(5, 7, hour_ms=0, at_ms=0, is_new=False).repeated == 3
    assert (book.accepted, book.forgotten) == (93, 7)


def test_causes_follow_from_who_was_heard_since() -> None:
    gap = Gap(3, 4, 0, 1_000)

    def cause(now_ms: int, heard_ms: int, *, newer_boot: bool = False) -> GapCause:
        return cause_of(gap, heard_ms=heard_ms, newer_boot=newer_boot, now_ms=now_ms, settle_ms=500)

    assert cause(1_400, 1_400) is GapCause.SETTLING
    assert cause(1_400, 1_400, newer_boot=True) is GapCause.SETTLING
    assert cause(9_000, 1_200) is GapCause.SILENT
    assert cause(9_000, 8_000) is GapCause.SEQUENCE_GAP
    assert cause(9_000, 8_000, newer_boot=True) is GapCause.NEW_BOOT
