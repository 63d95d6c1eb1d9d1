"""What the ward's nurse charts of simulated patients, and when: on rounds, and as soon as something is otherwise. Pure.

The wire is not hers: whoever runs a simulation hands her entries to charting, as a person's (`vitals.charting`).
"""

from collections.abc import Iterator

from simulators.truth import ChartedTruth, Truth
from vitals.charting import Observed
from vitals.sign import CONSCIOUSNESS_LETTERS, Sign

ROUND_EVERY_S = 4 * 3600.0
"""Shorter than a charted consciousness stands for the present; our choice after NEWS2's four- to six-hourly minimum."""
PERSON_ID = "simulated-nurse"
NAME = "Simulated nurse"


class Nurse:
    """One bed's entries in order of time; ask with a growing `until_s`."""

    def __init__(self, truth: Truth, *, phase_s: float = 0.0) -> None:
        """`phase_s` shifts this bed's rounds against other beds'; the first entry is at second 0 in any case."""
        self._truth = truth
        self._entries = _entries(truth, phase_s % ROUND_EVERY_S)
        self._next = next(self._entries)

    def due(self, *, until_s: float) -> list[ChartedTruth]:
        """What she charts before this second of the course and has not charted yet."""
        found = []
        while self._next.at_s < until_s:
            found.append(self._next)
            self._next = next(self._entries)
        return found


def observed(entry: ChartedTruth, *, started_at_ms: int) -> Observed:
    """The entry as charting takes it."""
    signs: dict[Sign, float] = {}
    if entry.consciousness is not None:
        signs[Sign.CONSCIOUSNESS] = float(CONSCIOUSNESS_LETTERS.index(entry.consciousness))
    if entry.supplemental_oxygen is not None:
        signs[Sign.SUPPLEMENTAL_OXYGEN] = float(entry.supplemental_oxygen)
    if entry.oxygen_l_per_min is not None:
        signs[Sign.OXYGEN_FLOW] = entry.oxygen_l_per_min
    return Observed(
        signs=signs,
        observed_at_ms=started_at_ms + round(entry.at_s * 1000),
        note=entry.note,
        spo2_scale=entry.spo2_scale,
        spo2_scale_by=entry.spo2_scale_by,
    )


def _entries(truth: Truth, phase_s: float) -> Iterator[ChartedTruth]:
    """Without end: each entry of the truth at its time, and between them the state in force on every round."""
    waiting = list(truth.charted)
    round_s = 0.0
    while True:
        if waiting and waiting[0].at_s <= round_s:
            entry = waiting.pop(0)
            yield _whole(entry, entry.at_s)
            if entry.at_s < round_s:
                continue
        else:
            in_force = truth.charted_at(round_s) or ChartedTruth(round_s)
            yield ChartedTruth(
                round_s,
                consciousness=in_force.consciousness or "A",
                supplemental_oxygen=bool(in_force.supplemental_oxygen),
                oxygen_l_per_min=in_force.oxygen_l_per_min,
            )
        round_s += phase_s if round_s == 0 and phase_s else ROUND_EVERY_S


def _whole(entry: ChartedTruth, at_s: float) -> ChartedTruth:
    """What was not looked at is as in health."""
    return ChartedTruth(
        at_s,
        consciousness=entry.consciousness or "A",
        supplemental_oxygen=bool(entry.supplemental_oxygen),
        oxygen_l_per_min=entry.oxygen_l_per_min,
        spo2_scale=entry.spo2_scale,
        spo2_scale_by=entry.spo2_scale_by,
        note=entry.note,
    )
