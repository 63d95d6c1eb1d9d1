"""A child gets Bedside PEWS and no NEWS2, whatever is measured, charted or taken back."""

import msgspec

from stream.charted import assess_charted, withdraw
from stream.pipeline import PatientPipeline
from stream.scoring import PatientState, assess
from stream.snapshot import decode_snapshot, encode_snapshot
from tests.support.builders import charted, reading, withdrawn
from tests.support.stream_log import QUICK
from vitals.age import AgeBand
from vitals.assessment import Assessment, PewsSummary
from vitals.reading import PatientId, Reading, Withdrawn
from vitals.sign import Sign

CHILD = AgeBand.UNDER_4_YEARS


class Cot:
    """One child, restored from its snapshot after every record."""

    def __init__(self) -> None:
        self.state = PatientState(PatientId("p1"), PatientPipeline(QUICK))

    def heard(self, record: Reading | Withdrawn, band: AgeBand | None = CHILD) -> Assessment:
        if isinstance(record, Withdrawn):
            found = withdraw(self.state, record)
        else:
            record = msgspec.structs.replace(record, age_band=band)
            found = (assess if record.charted is None else assess_charted)(self.state, record)
        assert found is not None
        self.state = decode_snapshot(PatientId("p1"), encode_snapshot(self.state), QUICK, with_models=True)
        return found

    def pews(self, record: Reading | Withdrawn) -> PewsSummary:
        found = self.heard(record)
        assert found.news2 is None
        assert found.pews is not None
        return found.pews


def test_a_child_is_scored_by_its_age_and_never_by_news2() -> None:
    found = Cot().pews(reading(at_s=0, heart_rate_bpm=155, respiratory_rate_bpm=30))
    assert (found.band, found.points) == (CHILD, {Sign.HEART_RATE: 2, Sign.RESPIRATORY_RATE: 0})


def test_what_drove_the_score_says_points_of_pews() -> None:
    (driver,) = Cot().heard(reading(at_s=0, heart_rate_bpm=155)).drivers
    assert (driver.sign, driver.pews_points, driver.news2_points) == (Sign.HEART_RATE, 2, None)


def test_what_people_chart_joins_the_score_of_a_child_and_leaves_it_again() -> None:
    cot = Cot()
    cot.pews(reading(at_s=0, heart_rate_bpm=100))
    entry = charted(at_s=5, capillary_refill_s=4, respiratory_effort_score=2)
    assert cot.pews(entry).low == 6
    assert cot.pews(reading(at_s=6, heart_rate_bpm=100)).low == 6
    assert cot.pews(withdrawn(entry, at_s=9)).low == 0


def test_a_child_on_oxygen_scores_by_how_much() -> None:
    cot = Cot()
    assert cot.pews(charted(at_s=0, supplemental_oxygen=1, oxygen_flow_l_per_min=6)).points == {
        Sign.SUPPLEMENTAL_OXYGEN: 4
    }


def test_whose_date_of_birth_is_put_right_is_scored_rightly_from_the_next_reading_on() -> None:
    cot = Cot()
    assert cot.heard(reading(at_s=0, heart_rate_bpm=155), None).adult_news2.low == 3
    assert cot.heard(reading(at_s=1, heart_rate_bpm=155)).news2 is None
    assert cot.heard(reading(at_s=2, heart_rate_bpm=155), None).pews is None
