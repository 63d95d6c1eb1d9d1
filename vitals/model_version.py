"""Versions of the population model of risk: numbered, named by their hash, and in force from one place in the log on."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from vitals.whole_numbers import Counted, EpochMs

ID_CHARACTERS_MAX: Final = 300
IdText = msgspec.Meta(min_length=1, max_length=ID_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f-\x9f]+(?![\s\S])")
"""Of whatever names something: neither empty nor endless, and without control characters, NUL above all, which no database keeps."""
Name = Annotated[str, IdText]
"""Of a record, a person, a candidate, or code."""
SHIPPED: Final = 0
"""The number of what Wardlight came with: in force until the first switch."""


class ModelStanding(StrEnum):
    """What a version is for."""

    CHAMPION = "champion"
    """Of the candidate that scores patients."""
    CHALLENGER = "challenger"
    """Of a candidate that learns in the shadow: it scores nobody."""
    SUPERSEDED = "superseded"
    """A newer one of its candidate came after it; it may be put in force again."""
    RETIRED = "retired"
    """Taken out of use by a person: kept on record, for replays; nobody puts it in force before it is restored."""


CALIBRATION_LESSONS_MIN: Final = 200
"""Before so many lessons nothing is said of how far probabilities can be trusted,"""
CALIBRATION_POSITIVES_MIN: Final = 10
"""nor before so many of them deteriorated; our choice: a tenth of the least may then hold one by chance, or none."""


class CalibrationBin(msgspec.Struct, frozen=True):
    """Lessons of like probability: what was told of them, and what turned out."""

    lessons: float
    """What they are worth in whole lessons of today: surer outcomes weigh more, older lessons fade."""
    predicted: float
    """Mean probability that was told."""
    observed: float
    """The share of them that deteriorated."""


class ProgressiveScores(msgspec.Struct, frozen=True, omit_defaults=True):
    """How well a candidate did on lessons before it learned from them; older lessons fade. None where too few are known."""

    lessons: int = 0
    positives: int = 0
    auroc: float | None = None
    brier: float | None = None
    """Mean squared error of the probability; 0 is perfect."""
    log_loss: float | None = None
    """In nats; held against `base_log_loss`."""
    base_log_loss: float | None = None
    """What telling everybody the share of positives so far would have scored on the same lessons."""
    calibration: tuple[CalibrationBin, ...] = ()
    """At most ten bins of about as many lessons, lowest probability first; none while too few lessons are known."""


class ModelVersion(msgspec.Struct, frozen=True, omit_defaults=True, tag="version"):
    """One version as it was made, on log topic `models`; its weights stand in SQL, signed, under this number."""

    number: Counted
    """Counts from 1, over all candidates."""
    hash: Name
    """Of the weights: equal hash, equal scores."""
    candidate: Name
    """Which pipeline learned it."""
    pipeline: Name
    """Hash of the feature code whose examples it learned from."""
    made_at_ms: EpochMs
    lessons: Counted
    """How many its candidate had learned from."""
    horizon_s: float
    """It tells the probability of deterioration within this time."""
    standing: ModelStanding
    """When it was made; what it is for now stands in SQL."""
    scores: ProgressiveScores = ProgressiveScores()
    threshold: float | None = None
    """From which probability on it is to be told, so that a set share of moments is; None while too few lessons are known."""
    threshold_from: Counted | None = None
    """The version whose threshold it goes on with, where what it was measured on was lost; None for one of its own."""


class ModelSwitch(msgspec.Struct, frozen=True, omit_defaults=True, tag="model"):
    """From here on version `number` scores: in every partition of log topic `readings`, and once on `models`.

    Since it stands between readings, a replay switches where the first run did. Switches are numbered: whoever reads one
    that is not above the last it took passes it over, so that one told twice, or late, changes nothing.
    """

    switch: Counted
    """Counts from 1."""
    number: Counted
    """The version; `SHIPPED` to go back to what Wardlight came with."""
    hash: Annotated[str, msgspec.Meta(max_length=ID_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f-\x9f]*(?![\s\S])")]
    """Of its weights; empty for `SHIPPED`."""
    at_ms: EpochMs
    """When it was ordered."""
    by: str
    """Who ordered it: a person's name, or `trainer`."""
    why: str


ModelsRecord = ModelVersion | ModelSwitch
"""Whatever may stand on log topic `models`."""
