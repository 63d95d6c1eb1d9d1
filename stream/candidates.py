"""The kinds of population model that may learn and score: the first is the champion of a new installation."""

from typing import Final

from stream.population import Candidate
from stream.risk_model import AdditiveRisk
from stream.risk_windows import PIPELINE_HASH
from stream.river_risk import RiverLogistic

CANDIDATES: Final[tuple[Candidate, ...]] = (
    Candidate("additive", PIPELINE_HASH, AdditiveRisk, AdditiveRisk.load),
    Candidate("river-logistic", PIPELINE_HASH, RiverLogistic, RiverLogistic.load),
)
