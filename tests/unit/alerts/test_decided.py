"""Decisions by the time of receipt: each holds from its own moment on, and a replay is given the same answers."""

import random

import pytest

from alerts.bundled_rules import default_book, read_book
from alerts.decided import DatedBook, Decided
from alerts.rulebook import Rulebook
from alerts.rules import AlertRules
from tests.support.alert_timetable import PATIENT, START_MS, Timetable
from vitals.alert import AlertKind, Priority, Suppression, TransitionKind
from vitals.kind_rules import Change
from vitals.reading import PatientId, WardId
from vitals.rule_change import RuleChange
from vitals.silence import Silence

NORTH, SOUTH = WardId("north"), WardId("south")
ADA, BEN = PatientId("ada"), PatientId("ben")
EARLY, LATE = default_book(), read_book("format: 1\nclear_s: 90\nsources: {clear_s: ours}\n")


def change(
    change_id: str,
    effective_ms: int,
    *,
    ward: WardId | None = None,
    patient: PatientId | None = None,
    kind: AlertKind = AlertKind.SPO2_LOW,
    until_ms: int | None = None,
    ended_ms: int | None = None,
    what: Change | None = None,
) -> RuleChange:
    return RuleChange(
        change_id=change_id,
        ward_id=ward,
        patient_id=patient,
        kind=kind,
        change=Change(limits=(84,)) if what is None else what,
        person_id="u1",
        by="Kim Lee",
        reason="chronic",
        ordered_at_ms=effective_ms - 5_000,
        effective_ms=effective_ms,
        expires_ms=until_ms,
        end_effective_ms=ended_ms,
    )


def first_limit(rules: AlertRules) -> float:
    return rules.limits[0].depths[0].limit


def test_a_book_holds_from_its_own_moment_on_and_the_first_one_also_before() -> None:
    decided = Decided([DatedBook(1_000, EARLY), DatedBook(5_000, LATE)])
    found = [decided.rules(ADA, NORTH, at_ms).clear_s for at_ms in (0, 999, 1_000, 4_999, 5_000, 9_000)]
    assert found == [60, 60, 60, 60, 90, 90]


def test_a_change_holds_between_its_moments_for_its_subject_alone() -> None:
    changes = [change("l-1", 1_000, patient=ADA, until_ms=5_000), change("l-2", 2_000, ward=SOUTH, ended_ms=4_000)]
    decided = Decided([DatedBook(0, EARLY)], changes)
    assert [first_limit(decided.rules(ADA, NORTH, at_ms)) for at_ms in (999, 1_000, 4_999, 5_000)] == [88, 84, 84, 88]
    assert [first_limit(decided.rules(BEN, SOUTH, at_ms)) for at_ms in (1_999, 2_000, 3_999, 4_000)] == [88, 84, 84, 88]
    assert first_limit(decided.rules(BEN, NORTH, 3_000)) == 88


def test_a_patients_change_goes_before_the_wards() -> None:
    of_ward = change("l-1", 0, ward=NORTH, what=Change(limits=(86,), delays_s=(20,)))
    decided = Decided([DatedBook(0, EARLY)], [of_ward, change("l-2", 0, patient=ADA)])
    depth = decided.rules(ADA, NORTH, 1).limits[0].depths[0]
    assert (depth.limit, depth.delay_s) == (84, 20)
    assert first_limit(decided.rules(BEN, NORTH, 1)) == 86


def test_rules_name_the_book_and_the_changes_that_made_them() -> None:
    changes = [change("l-0123456789abcdef", 0, ward=NORTH), change("l-fedcba9876543210", 0, patient=ADA)]
    decided = Decided([DatedBook(0, EARLY)], changes)
    assert decided.rules(BEN, SOUTH, 1).version == EARLY.version
    assert decided.rules(ADA, NORTH, 1).version == f"{EARLY.version}+l-01234567+l-fedcba98"


def test_the_same_rules_are_the_same_object_so_that_asking_costs_nothing() -> None:
    decided = Decided([DatedBook(0, EARLY)], [change("l-1", 0, patient=ADA)])
    assert decided.rules(ADA, NORTH, 1) is decided.rules(ADA, NORTH, 2)
    assert decided.rules(BEN, NORTH, 1) is decided.rules(BEN, NORTH, 2) is EARLY.house


def test_priorities_and_delays_of_kinds_without_bands_change_too() -> None:
    what = Change(delays_s=(600,), priorities=(Priority.LOW,))
    decided = Decided([DatedBook(0, EARLY)], [change("l-1", 0, patient=ADA, kind=AlertKind.LOST_CONTACT, what=what)])
    rules = decided.rules(ADA, NORTH, 1)
    assert rules.contact.silence_s == 600
    assert rules.priorities[AlertKind.LOST_CONTACT] is Priority.LOW
    assert rules.contact.usual_factor == AlertRules().contact.usual_factor


def test_the_silence_of_the_moment_is_found_by_patient_ward_and_house() -> None:
    def silence(silence_id: str, ward: WardId | None, patient: PatientId | None, from_ms: int) -> Silence:
        return Silence(
            silence_id, ward, patient, None, None, "u1", "Kim", "procedure", from_ms, from_ms, from_ms + 1_000
        )

    silences = [silence("s-1", NORTH, None, 0), silence("s-2", None, ADA, 500), silence("s-3", None, None, 2_000)]
    decided = Decided([DatedBook(0, EARLY)], silences=silences)

    def found(patient: PatientId, ward: WardId, at_ms: int) -> str | None:
        suppression = decided.silence(patient, ward, AlertKind.SPO2_LOW, Priority.LOW, at_ms)
        return None if suppression is None else suppression.silence_id

    assert [found(ADA, NORTH, at_ms) for at_ms in (0, 600, 1_200, 1_600, 2_000)] == ["s-1", "s-2", "s-2", None, "s-3"]
    assert [found(BEN, SOUTH, at_ms) for at_ms in (0, 2_500)] == [None, "s-3"]
    assert decided.silence(ADA, NORTH, AlertKind.SPO2_LOW, Priority.HIGH, 0) is None


@pytest.mark.parametrize("seed", range(20))
def test_what_was_answered_before_a_decision_is_answered_alike_after_it(seed: int) -> None:
    """A live worker knows the decisions ordered so far, a replay all of them; both answer alike at every moment."""
    dice = random.Random(seed)
    settle_ms, orders = 5_000, sorted(dice.sample(range(0, 100_000, 100), 12))
    books = [DatedBook(0, EARLY)]
    changes: list[RuleChange] = []
    history: list[tuple[int, Decided]] = [(0, Decided(books))]
    for number, ordered_ms in enumerate(orders):
        effective_ms = ordered_ms + settle_ms
        if dice.random() < 0.3:
            books = [*books, DatedBook(effective_ms, dice.choice([EARLY, LATE]))]
        elif changes and dice.random() < 0.3:
            chosen = dice.randrange(len(changes))
            if changes[chosen].end_effective_ms is None:
                changes = list(changes)
                changes[chosen] = changes[chosen]._replace(end_effective_ms=effective_ms)
        else:
            until_ms = effective_ms + dice.randrange(1, 40_000)
            where = {"ward": NORTH} if dice.random() < 0.5 else {"patient": ADA}
            changes = [*changes, change(f"l-{number}", effective_ms, until_ms=until_ms, **where)]
        history.append((ordered_ms, Decided(books, changes)))
    replay = history[-1][1]
    for at_ms in range(0, 120_000, 250):
        # What a worker knows is at least what was ordered one renewal (here 4 s) before.
        live = [decided for ordered_ms, decided in history if ordered_ms + 4_000 <= at_ms or ordered_ms == 0][-1]
        for patient, ward in ((ADA, NORTH), (BEN, NORTH), (BEN, SOUTH)):
            assert live.rules(patient, ward, at_ms) == replay.rules(patient, ward, at_ms)


class Growing:
    """A policy that learns of decisions as a running worker does; a replay knows them all from the beginning."""

    def __init__(self, history: list[tuple[int, Decided]]) -> None:
        self._history = history

    def _known(self, at_ms: int) -> Decided:
        return [decided for ordered_ms, decided in self._history if ordered_ms + 1_000 <= at_ms or not ordered_ms][-1]

    def rules(self, patient_id: PatientId, ward_id: WardId, at_ms: int) -> AlertRules:
        return self._known(at_ms).rules(patient_id, ward_id, at_ms)

    def silence(
        self, patient_id: PatientId, ward_id: WardId, kind: AlertKind, priority: Priority, at_ms: int
    ) -> Suppression | None:
        return self._known(at_ms).silence(patient_id, ward_id, kind, priority, at_ms)


def test_a_replay_raises_and_ends_what_was_raised_and_ended_live_though_the_rules_changed_meanwhile() -> None:
    ordered_ms = START_MS + 60_000
    looser = change("l-1", ordered_ms + 5_000, patient=PATIENT, until_ms=ordered_ms + 305_000)
    before, after = Decided([DatedBook(0, EARLY)]), Decided([DatedBook(0, EARLY)], [looser])
    live, replay = Timetable(policy=Growing([(0, before), (ordered_ms, after)])), Timetable(policy=after)
    for ward in (live, replay):
        ward.hold(0, 600, spo2=86)
    assert live.transitions == replay.transitions
    told = [(step.transition, (step.at_ms - START_MS) // 1000) for step in live.transitions]
    # It must be back within the limit in force, 84 and its margin, for a minute from the moment the change holds.
    assert told[:2] == [(TransitionKind.RAISED, 40), (TransitionKind.LATCHED, 125)]
    assert live.transitions[0].rules_version == EARLY.version


def test_a_book_of_an_unchanged_text_has_an_unchanged_version() -> None:
    again: Rulebook = read_book(LATE.text)
    assert again.version == LATE.version
    assert again.house == LATE.house
