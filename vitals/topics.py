"""Names of MQTT topics and log topics, in one place, with a strict parser for what comes from outside."""

import re
from enum import StrEnum

from vitals.alert import AlertKind, Transition
from vitals.errors import InvalidArgument
from vitals.reading import DeviceId, PatientId, WardId

ROOT = "wardlight/v1"
READINGS_FILTER = f"{ROOT}/devices/+/readings"
STATUS_FILTER = f"{ROOT}/devices/+/status"
ALERTS_FILTER = f"{ROOT}/alerts/#"
STEPS_FILTER = f"{ROOT}/alert-steps/#"
HEARTBEAT_TOPIC = f"{ROOT}/heartbeat"
"""Where the last heartbeat stands retained: when every stage of the path was last seen to move."""

_LEVEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""One topic level of ours: 1-64 characters, no MQTT wildcard, no separator."""


class LogTopic(StrEnum):
    """Topics of the log, with equal partition counts; keyed by patient id, so that they are co-partitioned.

    Lessons on `training`, and everything on `models`, are keyed `vitals.training.POPULATION_KEY`: they have one order.
    """

    READINGS = "readings"
    REJECTED = "rejected"
    ASSESSMENTS = "assessments"
    ALERTS = "alerts"
    COMMANDS = "commands"
    LABELS = "labels"
    OUTCOMES = "outcomes"
    TRAINING = "training"
    MODELS = "models"


def is_level(name: str) -> bool:
    """Whether `name` may stand as one level of our MQTT topics (and so be a device, ward or patient id)."""
    return _LEVEL.fullmatch(name) is not None


def readings_topic(device_id: DeviceId) -> str:
    """Where a device publishes its readings."""
    return f"{ROOT}/devices/{_checked(device_id)}/readings"


def status_topic(device_id: DeviceId) -> str:
    """Where a device's retained presence stands: `online` or, by its last will, `offline`."""
    return f"{ROOT}/devices/{_checked(device_id)}/status"


def accepted_topic(device_id: DeviceId) -> str:
    """Where a device hears through which sequence its readings are safe in the log."""
    return f"{ROOT}/devices/{_checked(device_id)}/accepted"


def alert_topic(ward_id: WardId, patient_id: PatientId, kind: AlertKind) -> str:
    """Where an open episode stands retained; an empty payload clears it."""
    return f"{ROOT}/alerts/{_checked(ward_id)}/{_checked(patient_id)}/{kind.value}"


def alert_step_topic(step: Transition) -> str:
    """Where one step of an alert is told, never retained: filters may name ward, priority, kind of step, kind of alert."""
    names = step.priority.value, step.transition.value, step.kind.value
    return f"{ROOT}/alert-steps/{_checked(step.ward_id)}/{'/'.join(names)}/{_checked(step.patient_id)}"


def device_of(topic: str) -> DeviceId | None:
    """The device that a `…/devices/{device_id}/…` topic names, or None where it is not of our grammar."""
    levels = topic.split("/")
    if len(levels) != 5 or "/".join(levels[:2]) != ROOT or levels[2] != "devices":
        return None
    return DeviceId(levels[3]) if is_level(levels[3]) else None


def _checked(level: str) -> str:
    if not is_level(level):
        raise InvalidArgument(f"{level!r} cannot be part of a topic: use 1-64 letters, digits, '.', '_' or '-'.")
    return level
