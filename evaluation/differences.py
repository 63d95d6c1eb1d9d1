"""What one scorer is worth beside another on the same patients, with an interval over the same resamples of them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from evaluation.figures import Measured
from evaluation.intervals import between
from evaluation.scorers import ANEW, FROZEN

JUDGED: Final = "risk"
BESIDE: Final = ("news2_partial", FROZEN, ANEW, "gradient_boosting_offline")
"""The score of the bedside, the same model without lessons from here, the same model without earlier ones, and the ceiling."""
FIGURES: Final = ("auroc", "auprc")


def differences(areas: Mapping[str, Mapping[str, Measured]], groups: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Per group and other scorer, by how much the risk model is ahead; over the hours in which each of them speaks."""
    for name in BESIDE:
        for group in groups:
            one, other = (areas.get(scorer, {}).get(group) for scorer in (JUDGED, name))
            if one is not None and other is not None:
                yield {"group": group, "scorer": JUDGED, "beside": name} | dict(_ahead(one, other))


def _ahead(one: Measured, other: Measured) -> Iterator[tuple[str, Any]]:
    for figure in FIGURES:
        exact = one.exact[figure] - other.exact[figure]
        binned = one.binned[figure] - other.binned[figure]
        yield figure, one.exact[figure]
        yield f"{figure}_beside", other.exact[figure]
        yield f"{figure}_ahead", exact
        yield f"{figure}_ahead_ci", between(one.drawn[figure], other.drawn[figure], exact=exact, binned=binned)
