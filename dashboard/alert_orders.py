"""What people do about alerts: take one in hand, end a technical one, say whether it was worth it."""

import secrets

from fastapi import APIRouter

from dashboard.alert_lookup import find_alert
from dashboard.alert_schemas import Acknowledged, AcknowledgeOrder, FeedbackOrder, LabelEntry
from dashboard.context import Context, Here
from dashboard.episodes import TECHNICAL_KINDS, EpisodeNow
from dashboard.person import Person, Signed
from dashboard.schemas import EpisodeId, Order, Ordered
from runtime.bus import Outgoing
from storage import devices
from vitals.alert import Action, Command, Priority
from vitals.codec import encode
from vitals.errors import Conflict, InvalidArgument
from vitals.label import Feedback, Label
from vitals.topics import LogTopic

router = APIRouter(tags=["alerts"])
_MINUTE_MS = 60_000


@router.post("/alerts/{episode_id}/acknowledge", status_code=202)
async def acknowledge(here: Here, who: Signed, episode_id: EpisodeId, order: AcknowledgeOrder) -> Acknowledged:
    """Take it in hand, for a time: quiets it for everybody who was told, ends nothing, and binds nobody else.

    Answers once the log has the order. When the time is up and the condition still holds, it is told anew.
    """
    alert = _still_open(await find_alert(here, episode_id))
    now_ms = here.clock.now_ms()
    command = Command(
        command_id=order.command_id or secrets.token_hex(16),
        patient_id=alert.patient_id,
        episode_id=episode_id,
        action=Action.ACKNOWLEDGE,
        by=who.name,
        at_ms=now_ms,
        note=order.note,
        person_id=who.person_id,
        until_ms=None if order.minutes is None else now_ms + _checked_minutes(here, order.minutes, alert) * _MINUTE_MS,
    )
    key = alert.patient_id.encode()
    records = [Outgoing(LogTopic.COMMANDS, key, encode(command))]
    label_id: str | None = None
    if order.feedback is not None:
        label_id = command.command_id
        label = _label(alert, who, order.feedback, label_id=label_id, at_ms=now_ms, note=order.note)
        records.append(Outgoing(LogTopic.LABELS, key, encode(label)))
    await here.bus.publish(records)
    return Acknowledged(
        command_id=command.command_id,
        episode_id=episode_id,
        person_id=who.person_id,
        by=who.name,
        until_ms=command.until_ms,
        label_id=label_id,
    )


@router.post("/alerts/{episode_id}/resolve", status_code=202)
async def resolve(here: Here, who: Signed, episode_id: EpisodeId, order: Order) -> Ordered:
    """End a technical alert by hand, or one whose patient wears no device any more; 409 for what the signs still say.

    Answers once the log has the order.
    """
    alert = _still_open(await find_alert(here, episode_id))
    if not (alert.latched or alert.kind in TECHNICAL_KINDS) and alert.patient_id in await here.ask(devices.worn_now):
        raise Conflict(
            "The patient's signs still say this, and it ends when they no longer do: acknowledge it instead."
        )
    command = Command(
        command_id=order.command_id or secrets.token_hex(16),
        patient_id=alert.patient_id,
        episode_id=episode_id,
        action=Action.RESOLVE,
        by=who.name,
        at_ms=here.clock.now_ms(),
        note=order.note,
        person_id=who.person_id,
    )
    await here.bus.publish([Outgoing(LogTopic.COMMANDS, alert.patient_id.encode(), encode(command))])
    return Ordered(command_id=command.command_id, episode_id=episode_id)


@router.post("/alerts/{episode_id}/feedback", status_code=202)
async def give_feedback(here: Here, who: Signed, episode_id: EpisodeId, order: FeedbackOrder) -> LabelEntry:
    """Say whether an alert was worth it, also after it has ended. Answers once the log has it."""
    alert = await find_alert(here, episode_id)
    label = _label(
        alert,
        who,
        order.feedback,
        label_id=order.label_id or secrets.token_hex(16),
        at_ms=here.clock.now_ms(),
        note=order.note,
    )
    await here.bus.publish([Outgoing(LogTopic.LABELS, alert.patient_id.encode(), encode(label))])
    return label_entry(label)


def label_entry(label: Label) -> LabelEntry:
    """A label in the API's field names."""
    return LabelEntry(
        label_id=label.label_id,
        episode_id=label.episode_id,
        feedback=label.feedback,
        person_id=label.person_id,
        by=label.by,
        at_ms=label.at_ms,
        note=label.note,
    )


def _label(alert: EpisodeNow, who: Person, feedback: Feedback, *, label_id: str, at_ms: int, note: str | None) -> Label:
    return Label(
        label_id=label_id,
        episode_id=alert.episode_id,
        patient_id=alert.patient_id,
        ward_id=alert.ward_id,
        kind=alert.kind,
        priority=alert.priority,
        feedback=feedback,
        person_id=who.person_id,
        by=who.name,
        at_ms=at_ms,
        note=note,
        origin=alert.origin,
    )


def _still_open(alert: EpisodeNow) -> EpisodeNow:
    if not alert.is_open:
        raise Conflict("This alert has ended already: there is nothing left to do about it.")
    return alert


def _checked_minutes(here: Context, minutes: int, alert: EpisodeNow) -> int:
    settings = here.settings
    most = {
        Priority.HIGH: settings.acknowledge_high_minutes_max,
        Priority.MEDIUM: settings.acknowledge_medium_minutes_max,
        Priority.LOW: settings.acknowledge_low_minutes_max,
    }[alert.priority]
    if minutes > most:
        raise InvalidArgument(
            f"An alert of {alert.priority.value} priority can be taken in hand for {most} min at most, not {minutes}:"
            " acknowledge it again when that is over."
        )
    return minutes
