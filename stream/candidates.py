"""The kinds of population model that may learn and score: the first is the champion of a new installation."""

from typing import Final

from stream import risk_prior
from stream.population import Candidate
from stream.risk_model import AdditiveRisk, LearningParameters, Prior
from stream.risk_windows import PIPELINE_HASH
from stream.river_risk import RiverLogistic

SHIPPED_PRIOR: Final = Prior(
    risk_prior.INTERCEPT, dict(risk_prior.HEIGHTS), risk_prior.STRENGTH, dict(risk_prior.SHARES)
)


def _shipped() -> AdditiveRisk:
    return AdditiveRisk(prior=SHIPPED_PRIOR)


CANDIDATES: Final[tuple[Candidate, ...]] = (
    Candidate(
        "additive",
        PIPELINE_HASH,
        _shipped,
        AdditiveRisk.load,
        AdditiveRisk,
        lessons_first=LearningParameters().block_lessons,
    ),
    Candidate("river-logistic", PIPELINE_HASH, RiverLogistic, RiverLogistic.load),
)
