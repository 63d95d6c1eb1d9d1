"""What people chart and take back: NEWS2 closes, opens again, and the models take no part."""

import msgspec
import pytest

from stream.charted import assess_charted, withdraw
from stream.freshness import CHARTED_MAX
from stream.pipeline import PatientPipeline
from stream.scales import SETTINGS_MAX
from stream.scoring import PatientState, assess
from stream.snapshot import decode_snapshot, encode_snapshot
from tests.support.builders import at_ms, charted, reading, withdrawn
from tests.support.stream_log import QUICK
from vitals.assessment import Assessment
from vitals.reading import DeviceId, Origin, PatientId, Reading, Withdrawn
from vitals.sign import Sign


def on_air(at_s: float, *, delay_s: float = 1.0) -> Reading:
    """Alert, breathing air."""
    return charted(at_s=at_s, delay_s=delay_s, consciousness_acvpu=0, supplemental_oxygen=0)


class Bedside:
    """One patient: a device speaks, people chart and take back."""

    def __init__(self) -> None:
        self.state = PatientState(PatientId("p1"), PatientPipeline(QUICK))

    def says(self, record: Reading | Withdrawn) -> Assessment | None:
        """What follows from a record, and from every state stored and restored after it."""
        if isinstance(record, Withdrawn):
            assessment = withdraw(self.state, record)
        elif record.charted is not None:
            assessment = assess_charted(self.state, record)
        else:
            assessment = assess(self.state, record)
        self.state = decode_snapshot(PatientId("p1"), encode_snapshot(self.state), QUICK, with_models=True)
        return assessment

    def heard(self, record: Reading | Withdrawn) -> Assessment:
        """As `says`, of a record that is new."""
        assessment = self.says(record)
        assert assessment is not None
        return assessment


def test_charting_closes_the_interval_at_once_although_it_is_older_than_the_newest_measurement() -> None:
    bed = Bedside()
    assert bed.heard(reading(at_s=100)).adult_news2.total is None
    closed = bed.heard(on_air(40, delay_s=70))
    assert (closed.adult_news2.total, closed.adult_news2.missing, closed.late) == (0, (), False)
    assert (closed.measured_at_ms, closed.as_of_ms) == (at_ms(40), at_ms(100))
    assert closed.charted == (Sign.SUPPLEMENTAL_OXYGEN, Sign.CONSCIOUSNESS)
    assert bed.heard(reading(at_s=101)).adult_news2.total == 0


def test_an_entry_that_arrives_twice_changes_nothing() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=1))
    entry = on_air(2)
    bed.heard(entry)
    before = encode_snapshot(bed.state)
    assert bed.says(entry) is None
    assert encode_snapshot(bed.state) == before


def test_devices_do_not_wait_for_people() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=0))
    bed.heard(on_air(300))
    uploaded = bed.heard(reading(at_s=5, delay_s=200))
    assert not uploaded.late, "a batch that comes after charting is as live as before"
    assert uploaded.adult_news2.total == 0


@pytest.mark.parametrize(("valid_for_s", "stands_s"), [(None, 6 * 3600), (600, 600)])
def test_an_entry_stands_for_as_long_as_it_says(valid_for_s: int | None, stands_s: int) -> None:
    bed = Bedside()
    bed.heard(charted(at_s=0, valid_for_s=valid_for_s, consciousness_acvpu=0))
    assert Sign.CONSCIOUSNESS not in bed.heard(reading(at_s=stands_s)).adult_news2.missing
    assert Sign.CONSCIOUSNESS in bed.heard(reading(at_s=stands_s + 1)).adult_news2.missing


def test_what_was_replaced_does_not_stand_again_when_its_replacement_runs_out() -> None:
    bed = Bedside()
    bed.heard(charted(at_s=0, consciousness_acvpu=0))
    assert bed.heard(charted(at_s=60, valid_for_s=300, consciousness_acvpu=2)).adult_news2.low == 3
    assert Sign.CONSCIOUSNESS in bed.heard(reading(at_s=400)).adult_news2.missing
    bed.heard(charted(at_s=500, valid_for_s=7200, temperature_celsius=36.5))
    bed.heard(reading(at_s=600, temperature_celsius=39.5))
    assert Sign.TEMPERATURE in bed.heard(reading(at_s=600 + 6 * 3600 + 1, spo2_percent=97)).adult_news2.missing


def test_the_later_of_a_charted_and_a_measured_value_stands() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=10, spo2_percent=97))
    assert bed.heard(charted(at_s=9, spo2_percent=90)).adult_news2.points[Sign.SPO2] == 0
    assert bed.heard(charted(at_s=11, spo2_percent=90)).adult_news2.points[Sign.SPO2] == 3
    assert bed.heard(reading(at_s=12, spo2_percent=97)).adult_news2.points[Sign.SPO2] == 0


def test_an_entry_that_no_longer_holds_is_scored_by_itself_and_joins_nothing() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=9000, steps_count=1))
    old = bed.heard(charted(at_s=0, delay_s=9000, heart_rate_bpm=140))
    assert (old.late, old.adult_news2.points) == (True, {Sign.HEART_RATE: 3})
    assert Sign.HEART_RATE in bed.heard(reading(at_s=9001, steps_count=1)).adult_news2.missing


def test_models_neither_score_nor_learn_from_what_people_observe() -> None:
    bed = Bedside()
    for second in range(0, 200, 5):
        bed.heard(reading(at_s=second))
    before = msgspec.msgpack.encode(bed.state.pipeline.dump())
    entry = bed.heard(charted(at_s=200, heart_rate_bpm=190, spo2_percent=80, respiratory_rate_bpm=40))
    assert (entry.anomaly, entry.flagged, entry.learned, entry.warming_up) == (None, False, False, False)
    assert msgspec.msgpack.encode(bed.state.pipeline.dump()) == before
    assert entry.adult_news2.points[Sign.HEART_RATE] == 3


def test_a_note_is_assessed_with_all_that_is_known() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=1, spo2_percent=90))
    noted = bed.heard(charted(at_s=2, note="Slept well"))
    assert (noted.adult_news2.low, noted.late) == (3, False)


def test_a_withdrawn_entry_is_forgotten_and_what_stood_before_it_stands_again() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=1))
    bed.heard(on_air(2))
    wrong = charted(at_s=3, consciousness_acvpu=4)
    assert bed.heard(wrong).adult_news2.total == 3
    order = withdrawn(wrong, at_s=5)
    after = bed.heard(order)
    assert (after.adult_news2.total, after.forgotten, after.measured_at_ms) == (0, (Sign.CONSCIOUSNESS,), at_ms(3))
    assert bed.says(order) is None
    assert bed.says(wrong) is None, "it does not come back with the log's repetition"


def test_a_withdrawn_entry_without_predecessor_opens_the_interval_again() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=1))
    entry = on_air(2)
    bed.heard(entry)
    after = bed.heard(withdrawn(entry, at_s=5))
    assert after.adult_news2.missing == (Sign.SUPPLEMENTAL_OXYGEN, Sign.CONSCIOUSNESS)
    assert after.charted == ()


def test_a_withdrawn_range_of_a_device_is_forgotten_and_the_models_start_anew() -> None:
    bed = Bedside()
    for second in range(0, 200, 5):
        bed.heard(reading(at_s=second))
    bed.heard(reading(at_s=196, device="d2", temperature_celsius=39.5))
    assert not bed.state.pipeline.warming_up
    order = msgspec.structs.replace(
        withdrawn(reading(at_s=0), at_s=300), reading_id=None, from_ms=at_ms(100), until_ms=at_ms(999)
    )
    after = bed.heard(order)
    assert after.warming_up
    assert after.forgotten == ()
    assert {Sign.HEART_RATE, Sign.RESPIRATORY_RATE, Sign.SPO2, Sign.SYSTOLIC} <= set(after.adult_news2.missing)
    assert after.adult_news2.points == {Sign.TEMPERATURE: 2}, "the other device's"
    assert bed.says(order) is None


def test_the_copy_that_a_correction_made_joins_pages_nobody_and_teaches_nothing() -> None:
    bed = Bedside()
    original = reading(at_s=1)
    bed.heard(original)
    copy = msgspec.structs.replace(original, reading_id="d1/~c1", correction_id="c1")
    again = bed.heard(copy)
    assert (again.late, again.learned) == (True, False)
    assert bed.says(copy) is None


def test_scale_2_holds_from_the_moment_for_which_it_was_said_until_it_is_changed_or_withdrawn() -> None:
    bed = Bedside()
    second = charted(at_s=100, spo2_scale=2, spo2_scale_by="Dr Bell")

    def points(at_s: float) -> int:
        return bed.heard(reading(at_s=at_s, spo2_percent=89)).adult_news2.points[Sign.SPO2]

    bed.heard(reading(at_s=150))
    bed.heard(second)
    assert points(151) == 0
    bed.heard(charted(at_s=160, spo2_scale=1))
    assert points(161) == 3
    bed.heard(charted(at_s=120, spo2_scale=2, spo2_scale_by="Dr Bell"))
    assert points(162) == 3, "said for an earlier moment"
    assert bed.heard(reading(at_s=90, spo2_percent=89, device="d2")).adult_news2.points[Sign.SPO2] == 3
    bed.heard(withdrawn(charted(at_s=160, spo2_scale=1), at_s=170))
    assert points(171) == 0


def test_a_patient_who_is_replayed_from_a_recording_is_charted_in_the_recordings_time() -> None:
    bed = Bedside()
    live_s = 1_000_000
    bed.heard(reading(at_s=10, delay_s=live_s, origin=Origin.REPLAY))
    closed = bed.heard(on_air(live_s + 12))
    assert closed.adult_news2.total == 0
    assert closed.as_of_ms == at_ms(12)
    assert bed.heard(reading(at_s=13, delay_s=live_s, origin=Origin.REPLAY)).adult_news2.total == 0


def test_what_is_kept_of_a_patient_is_bounded() -> None:
    bed = Bedside()
    for second in range(400):
        bed.heard(charted(at_s=second, spo2_scale=1, entry=f"{second}", consciousness_acvpu=0, heart_rate_bpm=80))
    assert len(bed.state.fresh.charted) == CHARTED_MAX
    assert len(bed.state.scales.settings) == SETTINGS_MAX
    assert len(encode_snapshot(bed.state)) < 30_000


def test_a_device_range_of_another_device_changes_no_input() -> None:
    bed = Bedside()
    bed.heard(reading(at_s=1))
    order = msgspec.structs.replace(
        withdrawn(reading(at_s=1), at_s=5), reading_id=None, device_id=DeviceId("d9"), until_ms=at_ms(99)
    )
    assert bed.heard(order).forgotten == ()
