"""A fault of Wardlight itself is a technical alert of the part it concerns. Pure."""

from alerts.accounts import Judged
from alerts.episode import RANK, Cause, Finding
from alerts.rules import NOTHING, Judgement
from alerts.state import PatientState
from vitals.alert import Reason
from vitals.fault import SystemFault


def judge(state: PatientState, record: SystemFault) -> Judged:
    """What follows from a fault that was found or is gone; told again it changes nothing."""
    machine = state.machine(record.kind)
    cause = Cause(f"fault@{record.at_ms}", record.at_ms, record.at_ms)
    judgement = NOTHING
    episode = machine.episode
    if record.present:
        if episode is not None and RANK[record.priority] <= RANK[episode.priority]:
            return Judged(record.kind, machine, NOTHING, cause, Reason.FAULT_GONE, None)
        onset_ms = record.at_ms if record.since_ms is None else record.since_ms
        judgement = Judgement(Finding(record.priority, Reason.FAULT_FOUND, onset_ms, record.text))
    elif episode is not None:
        judgement = Judgement(ended_text=record.text)
    return Judged(record.kind, machine, judgement, cause, Reason.FAULT_GONE, None)
