"""What goes over the wire, described for programs: JSON Schema and AsyncAPI, made from the types themselves."""

from inspect import cleandoc
from typing import Any, NamedTuple

import msgspec

from runtime.version import VERSION
from vitals.alert import AlertKind, Command, Priority, Reason, Transition, TransitionKind
from vitals.assessment import Assessment, News2Summary
from vitals.codec import encode
from vitals.fault import SystemFault
from vitals.heartbeat import Beat
from vitals.identity import sequenced_reading_id
from vitals.label import Label
from vitals.model_version import ModelSwitch, ModelVersion
from vitals.outcome import Outcome, OutcomeWithdrawn
from vitals.reading import (
    DeviceId,
    DeviceReading,
    PatientId,
    Reading,
    Receipt,
    RefusedSigns,
    Rejection,
    Tick,
    Unaccounted,
    WardId,
    Withdrawn,
)
from vitals.sign import SIGN_FACTS, Sign
from vitals.topics import HEARTBEAT_TOPIC, ROOT, LogTopic
from vitals.training import Example, Lesson

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_VERSION = "3.0.0"
_REF = "#/components/schemas/{name}"

MQTT_RECORDS: tuple[type[msgspec.Struct], ...] = (DeviceReading, Receipt, Transition, Beat)
"""What devices send and hear, and what subscribers hear."""
LOG_RECORDS: tuple[type[msgspec.Struct], ...] = (
    Reading,
    RefusedSigns,
    Withdrawn,
    Unaccounted,
    SystemFault,
    Tick,
    Rejection,
    Assessment,
    Transition,
    Command,
    Label,
    Outcome,
    OutcomeWithdrawn,
    Example,
    Lesson,
    ModelVersion,
    ModelSwitch,
)
"""What stands in the log."""


class _Channel(NamedTuple):
    """One topic: its parts that vary, who sends, and what."""

    name: str
    address: str
    parameters: dict[str, str]
    records: tuple[type[msgspec.Struct], ...]
    text: str
    sent_by_us: bool
    retained: bool = False


_DEVICE = {"device_id": "The device: 1-64 letters, digits, '.', '_' or '-'."}
_MQTT_CHANNELS = (
    _Channel(
        "deviceReadings",
        f"{ROOT}/devices/{{device_id}}/readings",
        _DEVICE,
        (DeviceReading,),
        "What a device measured. QoS 1.",
        sent_by_us=False,
    ),
    _Channel(
        "deviceAccepted",
        f"{ROOT}/devices/{{device_id}}/accepted",
        _DEVICE,
        (Receipt,),
        "Which of a device's readings are safe in the log: it may let go of exactly these.",
        sent_by_us=True,
    ),
    _Channel(
        "alerts",
        f"{ROOT}/alerts/{{ward_id}}/{{patient_id}}/{{kind}}",
        {
            "ward_id": "The ward where the patient lies.",
            "patient_id": "The patient's surrogate id.",
            "kind": "A value of AlertKind.",
        },
        (Transition,),
        "Every step of an alert. An open alert stands retained; an empty payload clears it.",
        sent_by_us=True,
        retained=True,
    ),
    _Channel(
        "alertSteps",
        f"{ROOT}/alert-steps/{{ward_id}}/{{priority}}/{{step}}/{{kind}}/{{patient_id}}",
        {
            "ward_id": "The ward where the patient lies.",
            "priority": "A value of Priority.",
            "step": "A value of TransitionKind.",
            "kind": "A value of AlertKind.",
            "patient_id": "The patient's surrogate id.",
        },
        (Transition,),
        "The same steps, each at a topic that names it: for filters by priority and step. Never retained.",
        sent_by_us=True,
    ),
    _Channel(
        "heartbeat",
        HEARTBEAT_TOPIC,
        {},
        (Beat,),
        "Told again and again while every stage from MQTT to the alerts moves; silence means that alarms cannot be relied on.",
        sent_by_us=True,
        retained=True,
    ),
)
_LOG_CHANNELS: dict[LogTopic, tuple[tuple[type[msgspec.Struct], ...], str]] = {
    LogTopic.READINGS: (
        (Reading, RefusedSigns, Withdrawn, Unaccounted, SystemFault, ModelSwitch, Tick),
        "Readings in the order of each patient, time itself, and from where on which version scores.",
    ),
    LogTopic.REJECTED: ((Rejection,), "Refused messages, with the original bytes."),
    LogTopic.ASSESSMENTS: ((Assessment,), "What the scores and models say of each reading."),
    LogTopic.ALERTS: ((Transition,), "Every step of every alert."),
    LogTopic.COMMANDS: ((Command,), "What people order about alerts."),
    LogTopic.LABELS: ((Label,), "What people say of alerts: whether they were worth it."),
    LogTopic.OUTCOMES: ((Outcome, OutcomeWithdrawn), "That patients did deteriorate, as people chart it."),
    LogTopic.TRAINING: (
        (Example, Lesson),
        "What the population model learns from, before and after the outcome is known.",
    ),
    LogTopic.MODELS: ((ModelVersion, ModelSwitch), "Versions of the population model, and which one scores."),
}

_AT_MS = 1_767_225_600_000
_PATIENT, _DEVICE_ID, _BOOT = PatientId("0f3a9c21d4e5b687"), DeviceId("my-watch"), "b1"
_READING_ID = sequenced_reading_id(_DEVICE_ID, _BOOT, 7)
EXAMPLES: dict[type[msgspec.Struct], msgspec.Struct] = {
    DeviceReading: DeviceReading(
        measured_at="2026-01-01T00:00:00Z", signs={"heart_rate_bpm": 131.0, "spo2_percent": 91.0}, boot="b1", sequence=7
    ),
    Receipt: Receipt(boot=_BOOT, from_sequence=0, through_sequence=7),
    Beat: Beat(at_ms=_AT_MS, every_s=5.0, version=VERSION),
    Reading: Reading(
        reading_id=_READING_ID,
        patient_id=_PATIENT,
        device_id=_DEVICE_ID,
        measured_at_ms=_AT_MS,
        received_at_ms=_AT_MS + 240,
        signs={Sign.HEART_RATE: 131.0, Sign.SPO2: 91.0},
        boot=_BOOT,
        sequence=7,
    ),
    Tick: Tick(at_ms=_AT_MS),
    Assessment: Assessment(
        reading_id=_READING_ID,
        patient_id=_PATIENT,
        measured_at_ms=_AT_MS,
        received_at_ms=_AT_MS + 240,
        news2=News2Summary(
            low=5,
            high=17,
            points={Sign.HEART_RATE: 3, Sign.SPO2: 2},
            missing=(Sign.RESPIRATORY_RATE,),
            single_red=True,
            response="urgent",
        ),
        drivers=(),
        warming_up=True,
        model_version="1",
    ),
    Transition: Transition(
        transition_id="t1",
        episode_id="e1",
        patient_id=_PATIENT,
        ward_id=WardId("north"),
        kind=AlertKind.HEART_RATE_HIGH,
        transition=TransitionKind.RAISED,
        reason=Reason.LIMIT_BREACHED,
        priority=Priority.MEDIUM,
        at_ms=_AT_MS,
        onset_ms=_AT_MS - 60_000,
        raised_at_ms=_AT_MS,
        active=True,
        acknowledged=False,
        text="Heart rate 131 /min, above 130 for 60 s",
        sign=Sign.HEART_RATE,
        value=131.0,
        limit=130.0,
    ),
}
"""One of each of those that people read first; the documents show them and a test sends them through the codecs."""


def json_schema() -> dict[str, Any]:
    """One JSON Schema document (2020-12): a definition for every record of MQTT and of the log."""
    definitions = _definitions("#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "$id": "urn:wardlight:wire:v1",
        "title": "Wardlight records",
        "$comment": f"Generated from the types of Wardlight {VERSION} by `wardlight schema json`.",
        "$defs": definitions,
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI description of all MQTT topics and log topics."""
    channels = [*_MQTT_CHANNELS, *_log_channels()]
    records = {record for channel in channels for record in channel.records}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Wardlight",
            "version": VERSION,
            "description": "Topics of MQTT (`mqtt`) and of the log (`kafka`). JSON, UTF-8; times are epoch milliseconds"
            " unless a field says otherwise. Not for sole reliance: notifications may fail to reach anyone.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "mqtt": {"host": "127.0.0.1:1883", "protocol": "mqtt", "description": "Any MQTT 5 or 3.1.1 broker."},
            "kafka": {"host": "127.0.0.1:9092", "protocol": "kafka", "description": "The log, in hospital size."},
        },
        "channels": {channel.name: _channel(channel) for channel in channels},
        "operations": {_operation_name(channel): _operation(channel) for channel in channels},
        "components": {
            "messages": {
                record.__name__: _message(record) for record in sorted(records, key=lambda each: each.__name__)
            },
            "schemas": _definitions(_REF),
        },
    }


def _definitions(template: str) -> dict[str, Any]:
    records = dict.fromkeys((*MQTT_RECORDS, *LOG_RECORDS))
    _, components = msgspec.json.schema_components(list(records), ref_template=template)
    sign = components["Sign"]
    sign["description"] = " · ".join(
        f"{each.value}: {facts.label}, {facts.ucum}, {facts.possible_low:g} to {facts.possible_high:g}"
        for each, facts in SIGN_FACTS.items()
    )
    for component in components.values():
        if "description" in component:
            component["description"] = cleandoc(component["description"])
    return dict(sorted(components.items()))


def _log_channels() -> list[_Channel]:
    return [
        _Channel(f"log{topic.value.capitalize()}", topic.value, {}, records, text, sent_by_us=True)
        for topic, (records, text) in _LOG_CHANNELS.items()
    ]


def _channel(channel: _Channel) -> dict[str, Any]:
    is_log = not channel.address.startswith(ROOT)
    described: dict[str, Any] = {
        "address": channel.address,
        "description": channel.text,
        "servers": [{"$ref": f"#/servers/{'kafka' if is_log else 'mqtt'}"}],
        "messages": {
            record.__name__: {"$ref": f"#/components/messages/{record.__name__}"} for record in channel.records
        },
    }
    if channel.parameters:
        described["parameters"] = {name: {"description": text} for name, text in channel.parameters.items()}
    return described


def _operation_name(channel: _Channel) -> str:
    return f"{'send' if channel.sent_by_us else 'receive'}{channel.name[0].upper()}{channel.name[1:]}"


def _operation(channel: _Channel) -> dict[str, Any]:
    described: dict[str, Any] = {
        "action": "send" if channel.sent_by_us else "receive",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.text,
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{record.__name__}"} for record in channel.records],
    }
    if channel.address.startswith(ROOT):
        described["bindings"] = {"mqtt": {"qos": 1, "retain": channel.retained}}
    return described


def _message(record: type[msgspec.Struct]) -> dict[str, Any]:
    summary = (record.__doc__ or "").strip().partition("\n")[0]
    described: dict[str, Any] = {
        "name": record.__name__,
        "summary": summary,
        "payload": {"$ref": _REF.format(name=record.__name__)},
    }
    example = EXAMPLES.get(record)
    if example is not None:
        described["examples"] = [{"name": record.__name__, "payload": msgspec.json.decode(encode(example))}]
    return described
