"""What the log of a simulated storm holds, read from its disk: the truth that checkers hold everything else against."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from runtime.bus import Incoming
from tests.support.month_checkers import Book, Complaints
from tests.support.storm_faults import SmallDisk
from vitals.alert import AlertKind, Reason, Transition, TransitionKind
from vitals.assessment import Assessment
from vitals.codec import decode, decode_readings_record
from vitals.reading import PatientId, Reading, Rejection
from vitals.topics import LogTopic

_SINCE = (
    "SELECT record_id, topic, partition, offset, key, value FROM record JOIN sequence USING (sequence_id)"
    " WHERE record_id > ? ORDER BY record_id"
)


class Heard(NamedTuple):
    """What one look at the log found new."""

    readings: list[Reading]
    assessments: list[Assessment]
    steps: list[Transition]


class StormLog:
    """Reads the disk under the log, in the order of its commits."""

    def __init__(self, disk: SmallDisk) -> None:
        self._disk = disk
        self._last_id = 0
        self.records: list[Incoming] = []
        self.readings: dict[str, Reading] = {}
        """The first of each id."""
        self.bodies: dict[str, set[bytes]] = {}
        """Of each assessed reading, every body that was ever published."""
        self.rejected: set[str] = set()
        """Whose reading was refused and why, in a sentence; no device of a storm says anything that may be."""
        self.complaints = Complaints()
        self.book = Book(self.complaints)
        self.steps: dict[str, list[Transition]] = {}
        """Of each episode, each step once, as they came."""
        self._hash = hashlib.sha256()

    @property
    def trace(self) -> str:
        """A hash of everything in the log so far, in its order."""
        return self._hash.hexdigest()

    def was_dismissed(self, patient_id: PatientId) -> bool:
        """Whether a person ended an alert of lost contact: no other is due before contact is regained."""
        return any(
            step.patient_id == patient_id and step.kind is AlertKind.LOST_CONTACT and step.reason is Reason.PERSON
            for steps in self.steps.values()
            for step in steps
            if step.transition is TransitionKind.RESOLVED
        )

    def look(self) -> Heard:
        """Take in what is new."""
        heard = Heard([], [], [])
        for record in self._new():
            self.records.append(record)
            self._hash.update(repr(record).encode())
            match record.topic:
                case LogTopic.READINGS:
                    told = decode_readings_record(record.value)
                    if isinstance(told, Reading):
                        self.readings.setdefault(told.reading_id, told)
                        heard.readings.append(told)
                case LogTopic.ASSESSMENTS:
                    assessment = decode(Assessment, record.value)
                    self.bodies.setdefault(assessment.reading_id, set()).add(record.value)
                    heard.assessments.append(assessment)
                case LogTopic.ALERTS:
                    self._take(decode(Transition, record.value), heard)
                case LogTopic.REJECTED:
                    refused = decode(Rejection, record.value)
                    self.rejected.add(f"{refused.device_id} {refused.reason}: {refused.detail}")
                case _:
                    pass
        return heard

    def _take(self, step: Transition, heard: Heard) -> None:
        if self.book.take(step):
            self.steps.setdefault(step.episode_id, []).append(step)
            heard.steps.append(step)

    def _new(self) -> Iterator[Incoming]:
        rows = self._disk._writer.execute(_SINCE, (self._last_id,)).fetchall()
        for record_id, topic, partition, offset, key, value in rows:
            self._last_id = record_id
            yield Incoming(topic, partition, offset, key, value)
