"""What the trainer and the scorers ask of a population model of risk, whatever learns inside it. Pure."""

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from vitals.assessment import RiskParts
from vitals.model_version import SHIPPED


class Probable(Protocol):
    """A score that says how probable it takes deterioration within the horizon to be, and what brought it."""

    @property
    def probability(self) -> float:
        """In [0, 1]."""

    @property
    def log_odds(self) -> float:
        """Of the probability."""

    @property
    def intercept(self) -> float:
        """Log-odds of the average moment."""

    @property
    def contributions(self) -> Mapping[str, float]:
        """By feature; with the intercept they add up to the log-odds."""


class PopulationModel(Protocol):
    """One model of all patients: equal bytes of `dump` score alike, now and after any same further lessons."""

    @property
    def is_taught(self) -> bool:
        """Whether it knows anything, of a prior or of lessons: only then a probability of its is told."""

    def score(self, features: Mapping[str, float], /) -> Probable:
        """The risk of whoever has these features; changes nothing. What is absent is unknown."""

    def learn(self, features: Mapping[str, float], label: bool, weight: float, /) -> None:  # noqa: FBT001 - as River's
        """Learn one lesson; raises ValueError on features that are not finite, before anything moved.

        Raises ArithmeticError where what it learns comes to nothing finite; it then is as before.
        """

    def dump(self) -> bytes:
        """All of it, as plain records."""


class Candidate(NamedTuple):
    """One kind of model that may learn, under a name that stays."""

    name: str
    pipeline: str
    """Hash of the code that makes its features: it learns from examples of that code only."""
    fresh: Callable[[], PopulationModel]
    """As it was shipped."""
    load: Callable[[bytes], PopulationModel]
    """As `dump` described it; raises SnapshotMismatch where it cannot be, or holds what is no finite number."""
    untaught: Callable[[], PopulationModel] | None = None
    """Without what was shipped, to be measured on the recordings that came from; None where nothing was."""
    lessons_first: int = 1
    """Before so many lessons it scores as it was shipped, however many of them it was given."""


class ScoredRisk(NamedTuple):
    """What the risk model made of one reading, before anybody learned from it."""

    features: Mapping[str, float]
    """Exactly those that were scored."""
    probability: float | None
    """None where none is told, as while windows warm up."""
    pipeline: str
    """Hash of the code that made the features."""
    number: int = SHIPPED
    """The version that scored."""
    parts: RiskParts | None = None
    """With `probability`: what brought it."""
    is_new: bool = True
    """Whether the reading said anything of the patient; otherwise what was scored before stands."""


class InForce(NamedTuple):
    """What scores a partition's patients now."""

    number: int
    model: PopulationModel | None
    """None where this program has no population model."""
    horizon_s: float | None = None
    """It tells of deterioration within this time."""
    threshold: float | None = None
    """From which probability on it is to be told; None while nobody can say."""


NO_MODEL = InForce(SHIPPED, None)


def hash_of(blob: bytes) -> str:
    """Names the weights of a version."""
    return hashlib.blake2b(blob, digest_size=16).hexdigest()
