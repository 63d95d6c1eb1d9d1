"""The kinds of population model that may learn and score: the first is the champion of a new installation."""

from typing import Final

from stream.population import Candidate

CANDIDATES: Final[tuple[Candidate, ...]] = ()
