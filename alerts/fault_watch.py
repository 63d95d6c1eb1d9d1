"""Which faults to tell of: what has lasted and is not told yet, and what was told and is gone. Pure.

It compares what is wrong now with the alerts that are open, rather than with what it told before: so it goes on rightly
after a restart, and several processes may watch the same.
"""

from collections.abc import Iterable, Mapping

from alerts.episode import RANK
from alerts.symptoms import Fault, Symptom
from vitals.alert import AlertKind, Priority
from vitals.fault import SystemFault
from vitals.reading import PatientId

WATCHED_KINDS = frozenset(
    {AlertKind.WORKER_DOWN, AlertKind.BACKLOG_GROWING, AlertKind.READINGS_REJECTED, AlertKind.DISK_FULL}
)
"""Kinds whose end this watch may tell of."""


class FaultWatch:
    """Remembers since when each symptom has been there or away; bounded by the kinds of faults times the parts."""

    def __init__(self, *, lasts_s: float, clear_s: float, repeat_s: float) -> None:
        self._lasts_s = lasts_s
        self._clear_s = clear_s
        self._repeat_s = repeat_s
        self._there_s: dict[Fault, float] = {}
        self._away_s: dict[Fault, float] = {}
        self._told_s: dict[Fault, float] = {}

    def judge(
        self,
        now_s: float,
        at_ms: int,
        symptoms: Iterable[Symptom],
        standing: Mapping[Fault, Priority],
        not_ours: frozenset[PatientId] = frozenset(),
    ) -> list[SystemFault]:
        """What to tell now, given the alerts that stand open; `not_ours`: subjects that others watch.

        Told again each `repeat_s` until the alert is seen to stand or to have ended: what told it last may have been lost.
        """
        present = {symptom.fault: symptom for symptom in symptoms}
        self._there_s = {fault: self._there_s.get(fault, now_s) for fault in present}
        gone = {
            fault
            for fault in standing
            if fault not in present and fault[1] in WATCHED_KINDS and fault[0] not in not_ours
        }
        self._away_s = {fault: self._away_s.get(fault, now_s) for fault in gone}
        self._told_s = {fault: told_s for fault, told_s in self._told_s.items() if fault in present or fault in gone}
        told = [
            self._found(symptom, now_s, at_ms)
            for fault, symptom in present.items()
            if now_s - self._there_s[fault] >= self._lasts_s
            and _is_news(symptom, standing.get(fault))
            and self._is_due(fault, now_s)
        ]
        told += [
            self._gone(fault, now_s, at_ms)
            for fault in sorted(gone)
            if now_s - self._away_s[fault] >= self._clear_s and self._is_due(fault, now_s)
        ]
        return told

    def _is_due(self, fault: Fault, now_s: float) -> bool:
        return now_s - self._told_s.get(fault, float("-inf")) >= self._repeat_s

    def _found(self, symptom: Symptom, now_s: float, at_ms: int) -> SystemFault:
        self._told_s[symptom.fault] = now_s
        since_ms = at_ms - int(1000 * (now_s - self._there_s[symptom.fault]))
        subject, kind = symptom.fault
        return SystemFault(subject, kind, at_ms, symptom.text, symptom.priority, since_ms=since_ms)

    def _gone(self, fault: Fault, now_s: float, at_ms: int) -> SystemFault:
        self._told_s[fault] = now_s
        subject, kind = fault
        return SystemFault(subject, kind, at_ms, _WELL_AGAIN[kind], present=False)


def _is_news(symptom: Symptom, standing: Priority | None) -> bool:
    return standing is None or RANK[symptom.priority] > RANK[standing]


_WELL_AGAIN: Mapping[AlertKind, str] = {
    AlertKind.WORKER_DOWN: "It moves again.",
    AlertKind.BACKLOG_GROWING: "The backlog grows no more.",
    AlertKind.READINGS_REJECTED: "Few messages are refused now.",
    AlertKind.DISK_FULL: "There is room on the disk again.",
}
