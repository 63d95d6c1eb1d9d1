"""Assessments: what the models and scores say of one reading, and what drove them."""

from collections.abc import Mapping

import msgspec

from vitals.age import AgeBand
from vitals.errors import InvalidArgument
from vitals.quality import Withheld
from vitals.reading import Origin, PatientId
from vitals.sign import Sign
from vitals.whole_numbers import EpochMs


class News2Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """NEWS2 as of one moment, as an interval while inputs are missing or stale.

    `total` is set only when every input is present and fresh; `low <= total <= high` always. A missing input is in
    `missing` and contributes 0 to `low` and its maximum to `high`; it never counts as 0 points in `points`.
    """

    low: int
    high: int
    points: dict[Sign, int]
    """Points per input that is present and fresh."""
    missing: tuple[Sign, ...]
    single_red: bool
    """Some present input alone scores 3."""
    response: str
    """A value of `vitals.news2.Response`: the band that `low` (and single red) already demands."""
    total: int | None = None


class PewsSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bedside PEWS of a child as of one moment, as an interval while inputs are missing or stale; as `News2Summary`."""

    low: int
    high: int
    points: dict[Sign, int]
    missing: tuple[Sign, ...]
    band: AgeBand
    total: int | None = None
    """Set only where every input is present, fresh and can be scored."""


class Driver(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sign's part in an assessment: its value beside what is usual for this patient."""

    sign: Sign
    value: float
    usual: float | None = None
    """The personal baseline; None while it is warming up."""
    deviation: float | None = None
    """(value - usual) / personal spread, in robust standard deviations."""
    news2_points: int | None = None
    pews_points: int | None = None
    """Of a child in place of `news2_points`."""

    @property
    def distance(self) -> float | None:
        """How far the value lies above (+) or below (-) what is usual, in the sign's unit; None while that is not known."""
        return None if self.usual is None else self.value - self.usual


class Trend(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one sign is going, by its last hour. Without a limit: it is not reached within an hour, or nobody can say when."""

    sign: Sign
    per_hour: float
    """Slope, in the sign's unit."""
    limit: float | None = None
    """The shallowest hard limit on that side."""
    minutes: float | None = None
    """Until the limit, if it goes on like this."""
    minutes_low: float | None = None
    minutes_high: float | None = None
    """Within these two it should be reached in four cases of five."""


class NightSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """An adult's resting heart rate of one night, told by the first reading after it."""

    day: int
    """The morning's date by the house's clock, in days since 1970-01-01."""
    resting_bpm: float
    """The median at rest, 02:00 to 06:00."""
    usual_bpm: float | None = None
    """The median of up to 28 nights before; None while fewer than a week of them are known."""
    deviation: float | None = None
    """(resting_bpm - usual_bpm) in robust standard deviations of this person's nights."""
    stands_out: bool = False
    """It lies high, and so did the night before: an infection may be on its way."""


class RiskParts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What brought a risk, in log-odds: `usual + sum(parts.values()) + others` is `log_odds`, up to rounding of the last digit."""

    log_odds: float
    """`risk` is 1 / (1 + exp(-log_odds))."""
    usual: float
    """Of the average moment the model has learned from."""
    parts: dict[str, float]
    """The strongest, strongest first: by sign, or `age_years`, `is_male`, `shock_index`, …; above 0 raises the risk."""
    others: float
    """All the rest together."""
    unmeasured: tuple[str, ...] = ()
    """Those of `parts` whose value is not known now: what weighs is that it was not measured of late, not what it was."""


class Assessment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stream says of one reading, on log topic `assessments`; one per reading, same key, and one per withdrawal.

    While `warming_up` there is no `anomaly`, and no score is ever 0 for "not ready"; once warm, `anomaly` is None only
    where the reading and what was measured shortly before it hold too few signs, or where it is `late`.
    """

    reading_id: str
    patient_id: PatientId
    measured_at_ms: EpochMs
    received_at_ms: EpochMs
    news2: News2Summary | None
    """None for a child, whom NEWS2 must not score."""
    drivers: tuple[Driver, ...]
    """What brought the NEWS2 points or the flag, strongest first; empty where there is neither."""
    warming_up: bool
    model_version: str
    origin: Origin = Origin.REAL
    anomaly: float | None = None
    """Multivariate anomaly score in [0, 1]; comparable only within one patient. None while warming up, late or with too few signs."""
    anomaly_threshold: float | None = None
    """The patient's own, which keeps to the alert budget; in the first half hour that of patients in general."""
    flagged: bool = False
    """The score lies above the patient's own threshold, or has lasted above it and is not well below it yet."""
    learned: bool = False
    """Whether the models learned from this reading after scoring it."""
    late: bool = False
    """Older than the newest already assessed: re-scores the past, pages nobody."""
    as_of_ms: EpochMs | None = None
    """Set where a person moved NEWS2 by charting or withdrawing, and the models took no part: the moment, in the time of the
    patient's devices, for which the score stands. What was observed may be older."""
    charted: tuple[Sign, ...] = ()
    """With `as_of_ms`: inputs whose value a person charted."""
    forgotten: tuple[Sign, ...] = ()
    """With `as_of_ms`: inputs whose charted value was withdrawn; a device's that was are missing, and say nothing more."""

    departed: tuple[Driver, ...] = ()
    """Signs of this reading at least two robust standard deviations from what is usual for this patient."""
    as_usual: tuple[Sign, ...] = ()
    """Signs of this reading nearer than that. A sign in neither has no warm baseline, or was not measured."""
    relearned: tuple[Sign, ...] = ()
    """Signs that have settled elsewhere for a day or two: from here on that is what is usual for this patient."""
    night: NightSummary | None = None
    """Of the night that is over with this reading; None with all others."""
    trends: tuple[Trend, ...] = ()
    """Signs of an adult that are going somewhere, beyond what chance does."""
    exerted: bool = False
    """Steps were counted up to some minutes ago: heart rate and breathing are not those of rest."""
    risk: float | None = None
    """Probability in [0, 1] that the patient deteriorates within `risk_horizon_s`; None until a model publishes one."""
    risk_threshold: float | None = None
    """From which probability on it is to be told."""
    risk_horizon_s: float | None = None
    risk_parts: RiskParts | None = None
    """With `risk`: what brought it."""

    pews: PewsSummary | None = None
    """Of a child in place of NEWS2."""

    withheld: tuple[Withheld, ...] = ()
    """Values of this reading that the models did not score or did not learn from; the early-warning score and limits did
    take what was possible of them."""

    @property
    def adult_news2(self) -> News2Summary:
        """NEWS2 of whom it may score; raises InvalidArgument for a child."""
        if self.news2 is None:
            raise InvalidArgument("NEWS2 does not score children.")
        return self.news2

    @property
    def points(self) -> Mapping[Sign, int]:
        """Points per input that is present, of whichever score the patient gets."""
        if self.news2 is not None:
            return self.news2.points
        return {} if self.pews is None else self.pews.points

    @property
    def stands_at_ms(self) -> int:
        """The moment for which it stands."""
        return self.measured_at_ms if self.as_of_ms is None else self.as_of_ms
