"""Which MQTT messages tell of a transition, and which make the broker's retained messages true again. Pure.

Retained at most once per patient and kind: the newest step of the open episode, under the ward where the patient lies
now. Whatever stood elsewhere is cleared.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from alerts.place import UNKNOWN_WARD
from vitals import codec
from vitals.alert import AlertKind, Transition, TransitionKind, order_of
from vitals.reading import PatientId, WardId
from vitals.topics import alert_step_topic, alert_topic

Subject = tuple[PatientId, AlertKind]


class Message(NamedTuple):
    """One MQTT publish; an empty retained payload clears its topic."""

    topic: str
    payload: bytes
    retain: bool


class Retained:
    """The last step told of each patient and kind, at most `subjects_max`: what a repetition must not go back behind."""

    def __init__(self, *, subjects_max: int) -> None:
        self._subjects_max = subjects_max
        self._standing: OrderedDict[Subject, Transition] = OrderedDict()

    def messages(self, transition: Transition) -> list[Message]:
        """What tells of the transition, in order. What was found afterwards pages nobody and is not told here."""
        if transition.retrospective:
            return []
        topic, payload = _topic(transition), codec.encode(transition)
        standing = self._standing.get(_subject(transition))
        if standing is not None and standing.episode_id == transition.episode_id:
            if order_of(transition) < order_of(standing):
                return [Message(topic, payload, retain=False)] if topic == _topic(standing) else []
        elif standing is not None and standing.is_open and not transition.is_open:
            ended = [Message(topic, payload, retain=False)]
            return ended if topic == _topic(standing) else [*ended, _clearing(topic)]
        self._keep(transition)
        left = {_topic(standing)} if standing is not None and standing.is_open else set()
        if transition.transition is TransitionKind.MOVED and transition.from_ward_id is not None:
            left.add(alert_topic(transition.from_ward_id, transition.patient_id, transition.kind))
        leaving = [
            message
            for old in sorted(left - {topic})
            for message in (Message(old, payload, retain=False), _clearing(old))
        ]
        if transition.is_open:
            return [*leaving, Message(topic, payload, retain=True)]
        return [*leaving, Message(topic, payload, retain=False), _clearing(topic)]

    def refreshing(
        self,
        opened: Iterable[Transition],
        closed: Iterable[Transition],
        wards: Mapping[PatientId, Sequence[WardId]],
    ) -> list[Message]:
        """What makes the retained messages true again after the broker may have lost, or kept, too much.

        `opened` and `closed` are the last steps that the database holds; what was told since is newer. `wards` are those
        that each of these patients ever lay on: under every other one than the present the topic is cleared, and so it is
        where they were told of while no ward of theirs was known.
        """
        for transition in opened:
            told = self._standing.get(_subject(transition))
            if told is None or (told.episode_id == transition.episode_id and _is_behind(told, transition)):
                self._keep(transition)
        telling = [
            Message(_topic(told), codec.encode(told), retain=True) for told in self._standing.values() if told.is_open
        ]
        standing = {message.topic for message in telling}
        subjects = {**{_subject(ended): ended.ward_id for ended in closed}}
        subjects |= {subject: told.ward_id for subject, told in self._standing.items()}
        cleared = {
            alert_topic(ward_id, patient_id, kind)
            for (patient_id, kind), last_ward_id in subjects.items()
            for ward_id in (last_ward_id, UNKNOWN_WARD, *wards.get(patient_id, ()))
        }
        return [_clearing(topic) for topic in sorted(cleared - standing)] + telling

    def forget(self, is_meant: Callable[[PatientId], bool]) -> None:
        """Of these patients somebody else may have told since: what the database says of them counts."""
        for subject in [subject for subject in self._standing if is_meant(subject[0])]:
            del self._standing[subject]

    def subjects(self) -> set[PatientId]:
        """Patients of whom something was told."""
        return {patient_id for patient_id, _ in self._standing}

    def _keep(self, transition: Transition) -> None:
        subject = _subject(transition)
        self._standing[subject] = transition
        self._standing.move_to_end(subject)
        if len(self._standing) > self._subjects_max:
            self._standing.popitem(last=False)


def step_messages(transition: Transition) -> list[Message]:
    """The step at a topic of its own, for whoever wants single steps by priority; what was found afterwards pages nobody."""
    if transition.retrospective:
        return []
    return [Message(alert_step_topic(transition), codec.encode(transition), retain=False)]


def _is_behind(told: Transition, stored: Transition) -> bool:
    """Whether the step told of the same episode is older, or was told before it was known where the patient lies."""
    found_since = told.ward_id == UNKNOWN_WARD != stored.ward_id
    return order_of(told) < order_of(stored) or (found_since and order_of(told) == order_of(stored))


def _subject(transition: Transition) -> Subject:
    return transition.patient_id, transition.kind


def _topic(transition: Transition) -> str:
    return alert_topic(transition.ward_id, transition.patient_id, transition.kind)


def _clearing(topic: str) -> Message:
    return Message(topic, b"", retain=True)
