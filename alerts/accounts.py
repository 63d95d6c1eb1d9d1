"""A ledger that does not balance is a technical alert of the patient who wears the device. Pure."""

from typing import NamedTuple

from alerts import wording
from alerts.episode import Cause, Finding
from alerts.rules import NOTHING, Judgement
from alerts.state import Machine, PatientState
from vitals.alert import AlertKind, Priority, Reason
from vitals.reading import Unaccounted


class Judged(NamedTuple):
    """What the engine needs to settle it; in the order in which it takes them."""

    kind: AlertKind
    machine: Machine
    judgement: Judgement
    cause: Cause
    ended: Reason
    value: float | None


def judge(state: PatientState, record: Unaccounted) -> Judged:
    """What follows from how many of the patient's readings the ledger cannot account for."""
    machine = state.machine(AlertKind.LEDGER_IMBALANCE)
    cause = Cause(f"ledger@{record.at_ms}", record.at_ms, record.at_ms)
    value = float(record.readings)
    judgement = NOTHING
    if record.readings and machine.episode is None:
        text = wording.unaccounted(record.readings, record.device_ids)
        finding = Finding(Priority.LOW, Reason.READINGS_UNACCOUNTED, record.since_ms, text, value=value)
        judgement = Judgement(finding)
    elif not record.readings and machine.episode is not None:
        judgement = Judgement(ended_text=wording.accounted(device_off=record.device_off))
    ended = Reason.DEVICE_OFF if record.device_off else Reason.ACCOUNT_BALANCED
    return Judged(AlertKind.LEDGER_IMBALANCE, machine, judgement, cause, ended, value)
