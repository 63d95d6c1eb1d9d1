"""The port of whatever scores patients row by row, and the scores of the bedside behind it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from stream.freshness import FreshSigns
from vitals import mews, qsofa, sirs
from vitals.age import AgeBand
from vitals.news2 import URGENT_FROM
from vitals.reading import PatientId, Reading
from vitals.sex import Sex
from vitals.shock_index import HIGH_ABOVE, shock_index


class Arrival(NamedTuple):
    """Who comes next."""

    patient_id: PatientId
    age_years: int | None
    """As ingest tells it: completed, the oldest not told apart."""
    sex: Sex | None
    age_band: AgeBand | None
    """Of a child."""


class Scorer(Protocol):
    """Scores patients one after another; each reading is scored before anything of its patient is learned."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its figures are called, in their order."""

    def begin(self, arrival: Arrival) -> None:
        """A patient comes; the one before has gone."""

    def score(self, reading: Reading) -> Sequence[float | None]:
        """A figure per name, the higher the worse; None where it says nothing."""

    def learn(self, labels: Sequence[bool], known_at_ms: int) -> None:
        """The labels of the patient's readings in the order of their scoring, told when all of them are known."""


class Facts(NamedTuple):
    """What must be known of a score to hold it against others."""

    label: str
    usual_from: float | None = None
    """From where on it customarily asks for somebody; None: it has no such value."""
    is_probability: bool = False


FROZEN = "risk_frozen"
ANEW = "risk_anew"
"""The risk model without lessons from the set that is judged, and one whose first lesson is there."""
FACTS: Mapping[str, Facts] = MappingProxyType(
    {
        "risk": Facts("risk model", is_probability=True),
        FROZEN: Facts("risk model as it came, learning nothing here", is_probability=True),
        ANEW: Facts("risk model that began here, knowing nothing", is_probability=True),
        "anomaly": Facts("unusual pattern, above the patient's own threshold", 0.0),
        "news2": Facts("NEWS2, only where it is complete", URGENT_FROM),
        "news2_partial": Facts("NEWS2 of what is known (low end of its interval)", URGENT_FROM),
        "news2_high": Facts("NEWS2, high end of its interval", URGENT_FROM),
        "qsofa_partial": Facts("qSOFA of what is known", qsofa.POSITIVE_FROM),
        "sirs_partial": Facts("SIRS by vital signs", sirs.POSITIVE_FROM),
        "mews_partial": Facts("MEWS of what is known", mews.HIGH_FROM),
        "shock_index": Facts("heart rate over systolic pressure", HIGH_ABOVE),
        "thresholds_15s": Facts("signs beyond their limit for 15 s", 1.0),
        "rolling_z": Facts("largest deviation from the last 24 h", 3.0),
        "gradient_boosting_offline": Facts("offline gradient boosting, five-fold by patient", is_probability=True),
    }
)
"""By the name in JSON."""


CHALLENGER = "risk_"
"""How the names of candidates begin that score nobody on a ward."""


def facts_of(name: str) -> Facts:
    """What is known of a score by its name in JSON; of a challenger it is that it is one."""
    known = FACTS.get(name)
    if known is None and name.startswith(CHALLENGER):
        return Facts(f"challenger {name.removeprefix(CHALLENGER)}", is_probability=True)
    return FACTS[name]


class BedsideScores:
    """qSOFA, SIRS and MEWS in part, and the shock index, of what still stands for the patient: the freshness of NEWS2's inputs."""

    names = ("qsofa_partial", "sirs_partial", "mews_partial", "shock_index")

    def __init__(self) -> None:
        self._fresh = FreshSigns()
        self._is_child = False

    def begin(self, arrival: Arrival) -> None:
        self._fresh = FreshSigns()
        self._is_child = arrival.age_band is not None

    def score(self, reading: Reading) -> Sequence[float | None]:
        self._fresh.take(reading.signs, reading.measured_at_ms, reading.device_id)
        if self._is_child:
            return (None, None, None, None)
        inputs = self._fresh.current()
        return (qsofa.score(inputs).low, sirs.score(inputs).low, mews.score(inputs).low, shock_index(inputs))

    def learn(self, labels: Sequence[bool], known_at_ms: int) -> None:
        """Nothing: they are rules."""
