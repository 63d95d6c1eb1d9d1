"""Further orders of arrival without replaying the patients: features are a patient's own, only the population model differs.

No other patient changes what is seen of one, so the features that the live code scored in the first order are those of
every order. What remains is the model's own `score` and `learn`, the same calls in the same order as `stream.risk` and
`evaluation.live_scorer` make; a test holds both ways to the same bits.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evaluation.labelled import Array, Bools, Recorded
from evaluation.live_scorer import LESSON_WEIGHT
from evaluation.replay import order_of, with_hours_between
from stream.population import PopulationModel


class KnownFeatures:
    """Per row of one set the features as they were scored; about 8 bytes each."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self._columns: dict[str, Array] = {}
        self._told: Bools = np.zeros(recorded.rows, dtype=bool)

    def note(self, rows: Sequence[int], features: Sequence[Mapping[str, float] | None]) -> None:
        """Of some rows; None where the live code scored none."""
        known = [(row, of_row) for row, of_row in zip(rows, features, strict=True) if of_row is not None]
        places = [row for row, _ in known]
        self._told[places] = True
        for name in {name for _, of_row in known for name in of_row}:
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = np.full(self.recorded.rows, np.nan)
            column[places] = [of_row.get(name, np.nan) for _, of_row in known]

    def of_patient(self, patient: int) -> Iterator[tuple[int, dict[str, float]]]:
        """Row and features, in order; rows without any are left out."""
        first, last = int(self.recorded.first[patient]), int(self.recorded.first[patient + 1])
        names = list(self._columns)
        values = zip(*(self._columns[name][first:last].tolist() for name in names), strict=True)
        for row, of_row in enumerate(values, start=first):
            if self._told[row]:
                yield (
                    row,
                    {
                        name: value
                        for name, value in zip(names, of_row, strict=True)
                        if value == value  # noqa: PLR0124 - not NaN
                    },
                )


class RiskInOrder:
    """The risk of every row in one order of arrival, by a model that first scores a patient and then learns, or never learns."""

    def __init__(self, known: KnownFeatures, model: PopulationModel, *, seed: int, learns: bool = True) -> None:
        self._known = known
        self._model = model
        self._order = order_of(known.recorded, seed)
        self._risk = np.full(known.recorded.rows, np.nan)
        self._learns = learns

    def steps(self) -> Iterator[int]:
        """Patient after patient; yields how many rows are done."""
        recorded, model = self._known.recorded, self._model
        done = 0
        for patient in self._order.tolist():
            rows = list(self._known.of_patient(patient))
            if model.is_taught:
                for row, features in rows:
                    self._risk[row] = model.score(features).probability
            if self._learns and recorded.truth is not None:
                for row, features in rows:
                    model.learn(features, bool(recorded.truth.positive[row]), LESSON_WEIGHT)
            done += int(recorded.first[patient + 1] - recorded.first[patient])
            yield done

    def result(self) -> Array:
        """Once all have passed."""
        return with_hours_between(self._known.recorded, self._risk)
