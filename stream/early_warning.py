"""Which early-warning score a patient gets: NEWS2 for adults, Bedside PEWS for children, never both. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from vitals import news2, pews
from vitals.age import AgeBand
from vitals.assessment import News2Summary, PewsSummary
from vitals.news2 import NEWS2_INPUTS, URGENT_FROM
from vitals.pews import PEWS_INPUTS
from vitals.sign import Sign

SCORED_SIGNS: Final = tuple(dict.fromkeys((*NEWS2_INPUTS, *PEWS_INPUTS, Sign.OXYGEN_FLOW)))
"""Signs that either score uses; people may chart any of them."""


class EarlyWarning(msgspec.Struct, frozen=True):
    """One of the two."""

    news2: News2Summary | None = None
    pews: PewsSummary | None = None

    @property
    def points(self) -> Mapping[Sign, int]:
        """Points per input that is present."""
        if self.news2 is not None:
            return self.news2.points
        return {} if self.pews is None else self.pews.points

    @property
    def low(self) -> int:
        """What is certain already."""
        if self.news2 is not None:
            return self.news2.low
        return 0 if self.pews is None else self.pews.low

    @property
    def is_alarming(self) -> bool:
        """Whether models should rather not learn that this is usual."""
        if self.news2 is not None:
            return self.news2.single_red or self.news2.low >= URGENT_FROM
        return self.pews is not None and self.pews.low >= pews.ALARMING_FROM


def early_warning(inputs: Mapping[Sign, float], band: AgeBand | None, *, spo2_scale: int) -> EarlyWarning:
    """The score of these observations for whom they are of; raises InvalidArgument as the scores do."""
    if band is None:
        return EarlyWarning(news2=news2.score(inputs, spo2_scale=spo2_scale))
    return EarlyWarning(pews=pews.score(inputs, band))
