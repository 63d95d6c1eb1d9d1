"""What is stored of learning: facts about alerts, what is forgotten, and what a lost log takes with it."""

import pytest

from storage import episodes, labels, models, scorers, training
from storage.claims import claim
from storage.lost_log import forget_log
from storage.models import Draft
from storage.scorers import Switched
from storage.session import Connection, Database
from storage.signing import load_signer
from storage.training import OutcomeFact, Waiting, Watched
from tests.support.alert_transitions import acknowledged, an_alert, resolved
from tests.support.builders import at_ms
from tests.support.fresh_database import lay_schema
from tests.support.labels import label
from tests.support.learning import example
from vitals.alert import AlertKind
from vitals.codec import encode
from vitals.errors import Fenced, SnapshotMismatch
from vitals.label import Feedback
from vitals.model_version import ProgressiveScores
from vitals.reading import PatientId

P1, P2 = PatientId("p1"), PatientId("p2")


@pytest.fixture
def database() -> Database:
    made = Database("sqlite://")
    lay_schema(made)
    return made


def kept(conn: Connection, epochs: dict[int, int]) -> None:
    """Two patients of partition 0, one example each."""
    training.store(
        conn,
        "trainer",
        epochs,
        patients={P1: Watched(0, at_ms(100), [OutcomeFact("o1", at_ms(50), at_ms(60))]), P2: Watched(0, at_ms(900))},
        arrived=[Waiting(0, at_ms(200), example("e1")), Waiting(0, at_ms(300), example("e2", patient="p2"))],
        gone=(),
    )


def test_examples_are_due_in_order_and_gone_once_settled_and_a_fenced_trainer_stores_nothing(
    database: Database,
) -> None:
    with database.transaction() as conn:
        epochs = claim(conn, "trainer", {0}).epochs
        kept(conn, epochs)
        for by_s, age_s, names in (
            (250, 100, ["e1"]),
            (300, 100, ["e1", "e2"]),
            (300, 300, ["e1", "e2"]),
            (300, 301, []),
        ):
            found = training.due(conn, 0, at_ms(by_s), age_ms=age_s * 1000, limit=9)
            assert [each.example.example_id for each in found] == names
        training.store(conn, "trainer", epochs, patients={}, arrived=[], gone={"e1"})
        assert training.waiting_count(conn, {0}) == 1
        assert training.watched(conn, [P1])[P1].outcomes == [OutcomeFact("o1", at_ms(50), at_ms(60))]
        claim(conn, "trainer", {0})
        with pytest.raises(Fenced):
            kept(conn, epochs)


def test_patients_last_seen_long_ago_are_forgotten_with_what_waits_of_them(database: Database) -> None:
    with database.transaction() as conn:
        epochs = claim(conn, "trainer", {0}).epochs
        kept(conn, epochs)
        assert training.forget_patients(conn, "trainer", epochs, before_ms=at_ms(500)) == 1
        assert training.waiting_times(conn, [P1, P2]) == {P1: {}, P2: {"e2": at_ms(0)}}


def test_who_was_charted_before_being_seen_is_kept_as_long_as_what_was_charted_is_new(database: Database) -> None:
    with database.transaction() as conn:
        epochs = claim(conn, "trainer", {0}).epochs
        charted = {P1: Watched(0, 0, [OutcomeFact("o1", at_ms(50), at_ms(60))]), P2: Watched(0, 0)}
        training.store(conn, "trainer", epochs, patients=charted, arrived=[], gone=())
        assert training.forget_patients(conn, "trainer", epochs, before_ms=at_ms(60)) == 1
        assert training.watched(conn, [P1, P2]) == {P1: charted[P1]}
        assert training.forget_patients(conn, "trainer", epochs, before_ms=at_ms(61)) == 1


def test_what_was_kept_of_a_patient_before_absences_were_is_read_still(database: Database) -> None:
    with database.transaction() as conn:
        epochs = claim(conn, "trainer", {0}).epochs
        kept(conn, epochs)
        conn.exec_driver_sql(
            "UPDATE training_patients SET record ="
            """ CAST('[{"outcome_id":"o1","happened_at_ms":5,"said_at_ms":6}]' AS BLOB) WHERE patient_id = 'p1'"""
        )
        assert training.watched(conn, [P1])[P1].outcomes == [OutcomeFact("o1", 5, 6)]


def test_an_alert_is_reviewed_once_somebody_saw_it_or_said_what_it_was_worth(database: Database) -> None:
    raised = an_alert()
    with database.transaction() as conn:
        episodes.store(conn, [raised])
        (fact,) = training.alerts_of(conn, raised.patient_id, raised.raised_at_ms, raised.raised_at_ms + 9000)
        assert (fact.kind, fact.reviewed, fact.feedback) == (raised.kind, False, ())
        assert isinstance(fact.kind, AlertKind)
        seen = acknowledged(raised, at_s=5)
        episodes.store(conn, [seen, resolved(seen, at_s=10)])
        said = [
            label("l1", episode=raised.episode_id, feedback=Feedback.FALSE, at_s=30),
            label("l2", episode=raised.episode_id, feedback=Feedback.USEFUL, at_s=40),
        ]
        labels.store(conn, [encode(each) for each in said])
        (fact,) = training.alerts_of(conn, raised.patient_id, raised.raised_at_ms, raised.raised_at_ms + 9000)
        assert (fact.reviewed, fact.feedback) == (True, (Feedback.USEFUL,))
        assert training.alerts_of(conn, raised.patient_id, at_ms(1000), at_ms(2000)) == []
        for by_s, reviewed, feedback in ((4, False, ()), (6, True, ()), (35, True, (Feedback.FALSE,))):
            (fact,) = training.alerts_of(
                conn, raised.patient_id, raised.raised_at_ms, raised.raised_at_ms + 9000, said_by_ms=at_ms(by_s)
            )
            assert (fact.reviewed, fact.feedback) == (reviewed, feedback)


def test_a_new_log_is_told_again_which_version_scores(database: Database) -> None:
    with database.transaction() as conn:
        models.require_candidates(conn, {"additive": "x"})
        signer = load_signer(conn)
        for number in (1, 2):
            draft = Draft("additive", f"h{number}", "x", at_ms(0), number, 60.0, ProgressiveScores(), b"w")
            models.make(conn, draft, signer, by="trainer", why="a test")
        epochs = claim(conn, "stream", {0}).epochs
        scorers.note_switches(conn, "stream", epochs, {0: [Switched(5, 2, 2, "h2", at_ms(0))]})
        models.mark_told(conn, [1, 2], [1, 2])
        assert models.untold(conn) == ((), ())
        forget_log(conn)
        _, switches = models.untold(conn)
        assert [each.switch for each in switches] == [2]
        assert scorers.switches_of(conn, "stream", {0}) == {0: []}
        with pytest.raises(SnapshotMismatch):
            models.load_weights(conn, 2, "h1", signer)


def test_switches_are_kept_that_a_replay_of_the_retained_log_needs_and_the_newest_beside(database: Database) -> None:
    with database.transaction() as conn:
        epochs = claim(conn, "stream", {0, 1}).epochs
        noted = [Switched(offset, offset // 10, offset // 10, "h", at_ms(offset)) for offset in range(10, 100, 10)]
        scorers.note_switches(conn, "stream", epochs, {0: noted, 1: noted[:2]})
        assert scorers.trim_switches(conn, "stream", epochs, {0: 5, 1: 0}, keep=1) == 0, "all stand in the log still"
        assert scorers.trim_switches(conn, "stream", epochs, {0: 61}, keep=6) == 3
        assert scorers.trim_switches(conn, "stream", epochs, {0: 61}, keep=1) == 2
        left = scorers.switches_of(conn, "stream", {0, 1})
        assert [each.offset for each in left[0]] == [60, 70, 80, 90], "60 scores what stands at 61"
        assert left[1] == noted[:2]
        for position in range(61, 100):
            assert scorers.in_force_at(left[0], position) == scorers.in_force_at(noted, position)
        assert scorers.trim_switches(conn, "stream", epochs, {0: 500, 1: 500}, keep=1) == 4
        assert [len(each) for each in scorers.switches_of(conn, "stream", {0, 1}).values()] == [1, 1]
        claim(conn, "stream", {0})
        with pytest.raises(Fenced):
            scorers.trim_switches(conn, "stream", epochs, {0: 500}, keep=1)
