"""What readings, assessments, rejections and episodes in SQL promise, whichever database: see `storage_contract`."""

import msgspec
import pytest

from storage import assessments, episodes, readings, rejections
from storage.buckets import SignSummary
from storage.session import Database
from storage.window import ROWS_MAX, Cursor
from tests.support import alert_transitions
from tests.support.builders import assessment as assessment_of
from tests.support.builders import at_ms, reading
from vitals.alert import AlertKind, Priority, Reason, Transition, TransitionKind
from vitals.assessment import NightSummary
from vitals.errors import Conflict, InvalidArgument, NotFound
from vitals.identity import transition_id
from vitals.reading import PatientId, Rejection, RejectionReason, WardId
from vitals.sign import Sign

P1 = PatientId("p1")
SPO2, PULSE = Sign.SPO2, Sign.HEART_RATE


def step(
    kind: TransitionKind = TransitionKind.RAISED,
    *,
    episode: str = "e1",
    patient: str = "p1",
    about: AlertKind = AlertKind.SPO2_LOW,
    priority: Priority = Priority.MEDIUM,
    at_s: float = 10,
    acknowledged: bool = False,
) -> Transition:
    """One step of an episode."""
    return Transition(
        transition_id=transition_id(episode, kind, f"{at_s}/{priority}"),
        episode_id=episode,
        patient_id=PatientId(patient),
        ward_id=WardId("west"),
        kind=about,
        transition=kind,
        reason=Reason.LIMIT_BREACHED,
        priority=priority,
        at_ms=at_ms(at_s),
        onset_ms=at_ms(0),
        raised_at_ms=at_ms(10),
        active=kind is not TransitionKind.RESOLVED,
        acknowledged=acknowledged,
        text=f"{kind.value} at {at_s}",
        sign=SPO2,
        value=84.0,
        limit=88.0,
    )


RAISED = step()
ACKNOWLEDGED = step(TransitionKind.ACKNOWLEDGED, at_s=20, acknowledged=True)
ESCALATED = step(TransitionKind.ESCALATED, priority=Priority.HIGH, at_s=15)
"""Measured before the acknowledgement was given, arrived after it."""
RESOLVED = step(TransitionKind.RESOLVED, priority=Priority.HIGH, at_s=30)


def rejection(name: str, *, at_s: float = 0, device: str = "d1") -> Rejection:
    """A refused message."""
    return Rejection(name, RejectionReason.NOT_JSON, "No JSON: \0.", device, at_ms(at_s), b"\x00\xff", 2)


class HistoryContract:
    """Readings, assessments and rejections: stored once, found by window."""

    def test_a_reading_comes_back_as_it_was_stored(self, database: Database) -> None:
        stored = [reading(at_s=1, spo2_percent=0.0, steps_count=3), reading(at_s=2, boot=None), reading(at_s=3)]
        with database.transaction() as conn:
            assert readings.store(conn, stored) == (3, 0)
        with database.snapshot() as conn:
            found = readings.history(conn, P1, signs=tuple(Sign), from_ms=at_ms(0), to_ms=at_ms(9), limit=10)
        assert found == tuple(stored)

    def test_a_repeated_reading_changes_nothing_within_a_batch_or_later(self, database: Database) -> None:
        first, second = reading(at_s=1), reading(at_s=2)
        with database.transaction() as conn:
            assert readings.store(conn, [first, second, first]) == (2, 1)
            assert readings.store(conn, [second, reading(at_s=3)]) == (1, 1)
            assert readings.store(conn, []) == (0, 0)

    def test_the_window_begins_with_its_first_and_ends_before_its_last_millisecond(self, database: Database) -> None:
        with database.transaction() as conn:
            readings.store(conn, [reading(at_s=second) for second in range(5)])
            found = readings.history(conn, P1, signs=[SPO2], from_ms=at_ms(1), to_ms=at_ms(3), limit=10)
        assert [row.measured_at_ms for row in found] == [at_ms(1), at_ms(2)]

    def test_readings_without_the_signs_asked_for_are_left_out(self, database: Database) -> None:
        with database.transaction() as conn:
            readings.store(
                conn, [reading(at_s=1, heart_rate_bpm=70), reading(at_s=2, spo2_percent=97, battery_percent=9)]
            )
            found = readings.history(conn, P1, signs=[SPO2], from_ms=at_ms(0), to_ms=at_ms(9), limit=10)
            nothing = readings.history(conn, P1, signs=[], from_ms=at_ms(0), to_ms=at_ms(9), limit=10)
        assert [row.signs for row in found] == [{SPO2: 97.0}]
        assert nothing == ()

    def test_pages_put_together_are_the_whole_also_where_times_are_equal(self, database: Database) -> None:
        stored = [reading(at_s=number // 3, device=f"d{number % 3}") for number in range(20)]
        with database.transaction() as conn:
            readings.store(conn, stored)
            pages: list[str] = []
            after: Cursor | None = None
            while page := readings.history(
                conn, P1, signs=[SPO2], from_ms=at_ms(0), to_ms=at_ms(99), limit=4, after=after
            ):
                pages += [row.reading_id for row in page]
                after = Cursor(page[-1].measured_at_ms, page[-1].reading_id)
        assert pages == [row.reading_id for row in sorted(stored, key=lambda row: (row.measured_at_ms, row.reading_id))]

    def test_buckets_sum_up_each_sign_by_its_own_values(self, database: Database) -> None:
        with database.transaction() as conn:
            readings.store(
                conn,
                [
                    reading(at_s=0, spo2_percent=90, heart_rate_bpm=60),
                    reading(at_s=59.999, spo2_percent=96),
                    reading(at_s=60, spo2_percent=80),
                    reading(at_s=200, heart_rate_bpm=100),
                ],
            )
            buckets = readings.history(
                conn, P1, signs=[SPO2, PULSE], from_ms=at_ms(0), to_ms=at_ms(240), every_ms=60_000, limit=4
            )
        assert [(bucket.from_ms, bucket.readings) for bucket in buckets] == [
            (at_ms(0), 2),
            (at_ms(60), 1),
            (at_ms(180), 1),
        ]
        assert buckets[0].signs[SPO2] == readings_summary(90, 93, 96, 2)
        assert buckets[0].signs[PULSE] == readings_summary(60, 60, 60, 1)
        assert buckets[1].signs == {SPO2: readings_summary(80, 80, 80, 1)}
        assert buckets[2].signs == {PULSE: readings_summary(100, 100, 100, 1)}

    @pytest.mark.parametrize(
        ("window", "every_ms", "limit", "says"),
        [
            ((5, 5), None, 1, "must end after"),
            ((0, 5), None, 0, "1 to"),
            ((0, 5), None, ROWS_MAX + 1, "page by page"),
            ((0, 5), 0, 5, "at least 1 ms"),
            ((0, 1_000), 10, 99, "at least 11 ms"),
        ],
    )
    def test_an_impossible_question_is_answered_with_what_to_ask_instead(
        self, database: Database, window: tuple[int, int], every_ms: int | None, limit: int, says: str
    ) -> None:
        with database.snapshot() as conn, pytest.raises(InvalidArgument, match=says):
            readings.history(conn, P1, signs=[SPO2], from_ms=window[0], to_ms=window[1], every_ms=every_ms, limit=limit)

    def test_the_newest_reading_and_the_newest_of_each_sign_are_found_per_patient(self, database: Database) -> None:
        newest = reading(at_s=9, heart_rate_bpm=71)
        with database.transaction() as conn:
            readings.store(conn, [reading(at_s=1, spo2_percent=91, heart_rate_bpm=60), newest])
            readings.store(conn, [reading(at_s=5, patient="p2", device="d2", spo2_percent=95)])
            patients = [P1, PatientId("p2"), PatientId("nobody")]
            assert readings.latest(conn, patients)[P1] == newest
            assert set(readings.latest(conn, patients)) == {"p1", "p2"}
            found = readings.latest_signs(conn, patients, since_ms=at_ms(0))
            lately = readings.latest_signs(conn, patients, since_ms=at_ms(6))
        assert {
            patient_id: {sign: (latest.value, latest.measured_at_ms, latest.charted) for sign, latest in signs.items()}
            for patient_id, signs in found.items()
        } == {
            "p1": {SPO2: (91.0, at_ms(1), None), PULSE: (71.0, at_ms(9), None)},
            "p2": {SPO2: (95.0, at_ms(5), None)},
        }
        assert found[P1][PULSE].reading == newest
        assert {patient_id: list(signs) for patient_id, signs in lately.items()} == {"p1": [PULSE]}

    def test_assessments_come_back_whole_once_and_by_window(self, database: Database) -> None:
        stored = [assessment_of(at_s=second, spo2_percent=90 - second, heart_rate_bpm=75) for second in range(3)]
        warming = assessment_of(at_s=70, warming_up=True)
        with database.transaction() as conn:
            assert assessments.store(conn, [*stored, warming, stored[0]]) == (4, 1)
            found = assessments.history(conn, P1, from_ms=at_ms(1), to_ms=at_ms(99), limit=2)
            assert found == tuple(stored[1:3])
            after = Cursor(found[-1].measured_at_ms, found[-1].reading_id)
            assert assessments.history(conn, P1, from_ms=at_ms(1), to_ms=at_ms(99), limit=2, after=after) == (warming,)
            assert assessments.latest(conn, [P1, PatientId("nobody")]) == {P1: warming}

    def test_assessments_of_nights_and_of_what_was_learned_anew_are_found_among_all_others(
        self, database: Database
    ) -> None:
        plain = [assessment_of(at_s=second) for second in range(5)]
        night = msgspec.structs.replace(assessment_of(at_s=10), night=NightSummary(20_000, 61.5, 60.0, 0.4))
        anew = msgspec.structs.replace(assessment_of(at_s=20), relearned=(PULSE,))
        late = msgspec.structs.replace(assessment_of(at_s=99), relearned=(SPO2,))
        with database.transaction() as conn:
            assessments.store(conn, [*plain, night, anew, late])
            assert assessments.marked(conn, P1, from_ms=at_ms(0), to_ms=at_ms(99), limit=9) == (night, anew)
            assert assessments.marked(conn, P1, from_ms=at_ms(0), to_ms=at_ms(100), limit=1) == (night,)
            with pytest.raises(InvalidArgument):
                assessments.marked(conn, P1, from_ms=at_ms(9), to_ms=at_ms(0), limit=1)

    def test_assessment_buckets_tell_the_worst(self, database: Database) -> None:
        with database.transaction() as conn:
            mild = assessment_of(at_s=0, anomaly=0.2)
            worse = assessment_of(at_s=1, anomaly=0.9, flagged=True, spo2_percent=84)
            assessments.store(conn, [mild, worse, assessment_of(at_s=60, warming_up=True)])
            first, second = assessments.history_buckets(
                conn, P1, from_ms=at_ms(0), to_ms=at_ms(120), every_ms=60_000, limit=10
            )
        assert (first.from_ms, first.count, first.anomaly_max, first.flagged) == (at_ms(0), 2, 0.9, 1)
        assert first.news2_low_max == max(mild.adult_news2.low, worse.adult_news2.low)
        assert first.news2_high_max == max(mild.adult_news2.high, worse.adult_news2.high)
        assert (second.count, second.anomaly_max, second.flagged) == (1, None, 0)

    def test_a_rejection_that_is_refused_again_after_its_replay_waits_again(self, database: Database) -> None:
        with database.transaction() as conn:
            rejections.store(conn, [rejection("r1", at_s=5)])
            rejections.mark_replayed(conn, ["r1"], at_ms(10))
            rejections.store(conn, [rejection("r1", at_s=5)])
        with database.snapshot() as conn:
            assert rejections.get(conn, "r1").replayed_at_ms == at_ms(10), "the log's repetition is no new refusal"
        with database.transaction() as conn:
            rejections.store(conn, [rejection("r1", at_s=11)])
        with database.snapshot() as conn:
            waiting = rejections.list_rejections(conn, limit=10, waiting_only=True)
        assert [(one.rejection.rejection_id, one.rejection.received_at_ms) for one in waiting] == [("r1", at_ms(11))]

    def test_rejections_keep_their_bytes_and_are_marked_replayed(self, database: Database) -> None:
        with database.transaction() as conn:
            assert rejections.store(conn, [rejection("r1"), rejection("r2", at_s=5, device="d2"), rejection("r1")]) == (
                2,
                1,
            )
            assert rejections.mark_replayed(conn, ["r1", "unknown"], 99) == 1
        with database.snapshot() as conn:
            found = rejections.get(conn, "r1")
            assert (found.rejection.payload, found.replayed_at_ms, found.is_whole) == (b"\x00\xff", 99, True)
            listed = rejections.list_rejections(conn, limit=10)
            assert [one.rejection.rejection_id for one in listed] == ["r2", "r1"]
            assert rejections.list_rejections(conn, limit=10, waiting_only=True) == listed[:1]
            assert rejections.list_rejections(conn, limit=10, device_id="d1") == listed[1:]
            assert rejections.list_rejections(conn, limit=10, reason=RejectionReason.EMPTY) == ()
            assert rejections.list_rejections(conn, limit=1, after=Cursor(at_ms(5), "r2")) == listed[1:]
            with pytest.raises(NotFound):
                rejections.get(conn, "unknown")


class EpisodeContract:
    """Episodes: the furthest transition is the state, one open per patient and kind."""

    def test_an_episode_is_as_its_last_transition_left_it(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, [RAISED])
            raised = episodes.get(conn, "e1")
            episodes.store(conn, [ACKNOWLEDGED])
            acknowledged = episodes.get(conn, "e1")
            episodes.store(conn, [ESCALATED])
            escalated = episodes.get(conn, "e1")
            episodes.store(conn, [RESOLVED])
            resolved = episodes.get(conn, "e1")
            assert episodes.open_episodes(conn) == ()
        assert (raised.active, raised.acknowledged, raised.resolved_at_ms) == (True, False, None)
        assert (acknowledged.active, acknowledged.acknowledged) == (True, True)
        assert (escalated.active, escalated.acknowledged, escalated.priority) == (True, False, Priority.HIGH)
        assert (resolved.active, resolved.resolved_at_ms) == (False, at_ms(30))
        assert (raised.sign, raised.value, raised.limit, raised.text) == (SPO2, 84.0, 88.0, "raised at 10")

    def test_an_episode_keeps_the_whole_state_of_its_last_step_and_is_open_while_latched(
        self, database: Database
    ) -> None:
        raised = alert_transitions.an_alert()
        seen = alert_transitions.acknowledged(raised, at_s=5)
        again = alert_transitions.realarmed(seen, at_s=900)
        quiet = alert_transitions.silenced(again, at_s=901)
        over = msgspec.structs.replace(alert_transitions.latched(quiet, at_s=960), rules_version="v1")
        for last in (seen, again, quiet, over):
            with database.transaction() as conn:
                episodes.store(conn, [raised, last])
                held = episodes.get(conn, "e1")
                assert [found.episode_id for found in episodes.open_episodes(conn)] == ["e1"]
            assert (held.active, held.latched, held.round) == (last.active, last.latched, last.round)
            assert (held.acknowledgements, held.suppression) == (last.acknowledgements, last.suppression)
            assert (held.heard_ms, held.rules_version) == (last.heard_ms, last.rules_version)
        second = alert_transitions.an_alert(episode="e2", at_s=1000)
        with database.transaction() as conn, pytest.raises(Conflict, match="e1"):
            episodes.store(conn, [second])

    def test_a_replayed_older_transition_moves_nothing_back(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, [RAISED, ACKNOWLEDGED, ESCALATED, RESOLVED])
            before = episodes.get(conn, "e1")
            for transition in (RAISED, ESCALATED, ACKNOWLEDGED):
                episodes.store(conn, [transition])
            assert episodes.get(conn, "e1") == before
            assert episodes.transitions_of(conn, "e1") == (RAISED, ACKNOWLEDGED, ESCALATED, RESOLVED)

    def test_an_old_episode_replayed_leaves_the_one_opened_since_alone(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, [RAISED, RESOLVED, step(episode="e2", at_s=40)])
            episodes.store(conn, [RAISED])
            assert [episode.episode_id for episode in episodes.open_episodes(conn)] == ["e2"]

    def test_a_second_open_episode_of_a_kind_is_a_conflict_that_names_both(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, [RAISED])
        with pytest.raises(Conflict, match=r"e2.*e1"), database.transaction() as conn:
            episodes.store(conn, [step(episode="e2")])
        with database.transaction() as conn:
            episodes.store(conn, [step(episode="e3", about=AlertKind.LOST_CONTACT), step(episode="e4", patient="p2")])
            assert {episode.episode_id for episode in episodes.open_episodes(conn)} == {"e1", "e3", "e4"}

    def test_one_batch_may_end_an_episode_and_open_the_next(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, [RAISED])
            episodes.store(conn, [step(episode="e2", at_s=40), RESOLVED])
            assert [episode.episode_id for episode in episodes.open_episodes(conn)] == ["e2"]

    def test_episodes_are_listed_newest_first_page_by_page(self, database: Database) -> None:
        with database.transaction() as conn:
            for number in range(4):
                episodes.store(conn, [step(episode=f"e{number}", patient=f"p{number}")])
            first = episodes.list_episodes(conn, limit=3)
            rest = episodes.list_episodes(conn, limit=3, after=Cursor(first[-1].raised_at_ms, first[-1].episode_id))
            assert [episode.episode_id for episode in (*first, *rest)] == ["e3", "e2", "e1", "e0"]
            assert len(episodes.list_episodes(conn, limit=9, patient_id=PatientId("p2"))) == 1
            assert episodes.list_episodes(conn, limit=9, ward_id=WardId("east")) == ()
            assert episodes.list_episodes(conn, limit=9, to_ms=at_ms(10)) == ()
            assert len(episodes.list_episodes(conn, limit=9, from_ms=at_ms(10))) == 4
            assert len(episodes.open_episodes(conn, WardId("west"))) == 4
            with pytest.raises(NotFound):
                episodes.get(conn, "unknown")


def readings_summary(minimum: float, mean: float, maximum: float, count: int) -> SignSummary:
    """A summary, in short."""
    return SignSummary(minimum, mean, maximum, count)
