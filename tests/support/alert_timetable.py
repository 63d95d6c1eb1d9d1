"""Alert tests as timetables: at such a second such a reading; between these seconds exactly these transitions."""

from collections.abc import Mapping, Sequence

from alerts.casebook import Outcome
from alerts.engine import PatientAlerts, Record
from alerts.life import LifeRule, PriorityLife
from alerts.place import Place
from alerts.policy import FixedPolicy, Policy
from alerts.rules import AlertRules
from alerts.state import PatientState
from vitals.alert import Action, AlertKind, Command, Transition, TransitionKind
from vitals.assessment import Assessment, Driver, News2Summary
from vitals.news2 import score
from vitals.reading import CHARTING, Charted, DeviceId, Origin, PatientId, Reading, Tick, WardId, Withdrawn
from vitals.sign import Sign

START_MS = 1_700_000_000_000
"""Second 0 of every timetable."""
PATIENT = PatientId("patient-1")
WARD = WardId("ward-a")


def ms(second: float) -> int:
    """Epoch milliseconds of a timetable's second."""
    return START_MS + round(second * 1000)


def reading(
    second: float,
    signs: Mapping[Sign, float],
    *,
    sequence: int | None = None,
    device: str = "device-1",
    received: float | None = None,
    patient: PatientId = PATIENT,
    origin: Origin = Origin.REAL,
) -> Reading:
    """A reading measured at `second`, received then too unless said otherwise."""
    number = round(second * 10) if sequence is None else sequence
    return Reading(
        reading_id=f"{device}/boot-1/{number}",
        patient_id=patient,
        device_id=DeviceId(device),
        measured_at_ms=ms(second),
        received_at_ms=ms(second if received is None else received),
        signs=dict(signs),
        boot="boot-1",
        sequence=number,
        origin=origin,
    )


def assessment(
    second: float,
    news2: News2Summary,
    *,
    flagged: bool = False,
    anomaly: float | None = 0.1,
    drivers: tuple[Driver, ...] = (),
    late: bool = False,
    patient: PatientId = PATIENT,
) -> Assessment:
    """An assessment of a reading measured at `second`."""
    return Assessment(
        reading_id=f"device-1/boot-1/{round(second * 10)}",
        patient_id=patient,
        measured_at_ms=ms(second),
        received_at_ms=ms(second),
        news2=news2,
        drivers=drivers,
        warming_up=anomaly is None,
        model_version="test",
        anomaly=anomaly,
        anomaly_threshold=0.5,
        flagged=flagged,
        late=late,
    )


def charted(
    second: float, signs: Mapping[Sign, float], *, heard: float | None = None, valid_for_s: int | None = None
) -> Reading:
    """What a person observed at `second`, charted then too unless said otherwise."""
    heard = second if heard is None else heard
    return Reading(
        reading_id=f"charting/{second:g}-{heard:g}-{sorted(signs.items())}",
        patient_id=PATIENT,
        device_id=CHARTING,
        measured_at_ms=ms(second),
        received_at_ms=ms(heard),
        signs=dict(signs),
        charted=Charted("ada", "Ada Nurse", valid_for_s),
    )


def charted_assessment(
    second: float,
    news2: News2Summary,
    signs: tuple[Sign, ...],
    *,
    forgotten: tuple[Sign, ...] = (),
    late: bool = False,
    of: str | None = None,
) -> Assessment:
    """An assessment that a person brought about at `second`; `signs` are the inputs that people charted."""
    return Assessment(
        reading_id=f"charting/{second:g}" if of is None else of,
        patient_id=PATIENT,
        measured_at_ms=ms(second - 30),
        received_at_ms=ms(second),
        news2=news2,
        drivers=(),
        warming_up=False,
        model_version="test",
        late=late,
        as_of_ms=ms(second),
        charted=signs,
        forgotten=forgotten,
    )


def withdrawn(of: Reading, second: float) -> Withdrawn:
    """The order that takes an entry back."""
    return Withdrawn(
        correction_id=f"withdrawn/{of.reading_id}",
        patient_id=of.patient_id,
        device_id=of.device_id,
        from_ms=of.measured_at_ms,
        until_ms=of.measured_at_ms + 1,
        at_ms=ms(second),
        by="Ben Nurse",
        reason="entered in error",
        reading_id=of.reading_id,
    )


def news2(**signs: float) -> News2Summary:
    """NEWS2 of signs named as members of Sign in lower case: `news2(spo2=84)`."""
    return score(named(**signs))


def named(**signs: float) -> dict[Sign, float]:
    """Signs by their member names in lower case."""
    return {Sign[name.upper()]: float(value) for name, value in signs.items()}


UNLATCHED = LifeRule(
    high=PriorityLife(latches=False, acknowledged_s=900, acknowledged_s_max=3600),
    medium=PriorityLife(latches=False, acknowledged_s=3600, acknowledged_s_max=14_400),
)
"""Every alert ends with its condition: for tests of evidence, which have nobody to acknowledge anything."""


class Timetable:
    """One patient's engine and everything it said; by the default rules, without latches."""

    def __init__(
        self, rules: AlertRules | None = None, state: PatientState | None = None, policy: Policy | None = None
    ) -> None:
        policy = policy or FixedPolicy(rules or AlertRules(life=UNLATCHED))
        self.engine = PatientAlerts(state or PatientState(PATIENT), policy, lambda _: Place(WARD))
        self.transitions: list[Transition] = []
        self.outcomes: list[Outcome] = []

    def step(self, record: Record) -> tuple[Transition, ...]:
        """Feed any record."""
        stepped = self.engine.step(record)
        self.transitions += stepped
        self.outcomes.append(self.engine.outcome)
        return stepped

    def at(self, second: float, **signs: float) -> tuple[Transition, ...]:
        """A reading at one second."""
        return self.step(reading(second, named(**signs)))

    def hold(self, start: float, end: float, *, every: float = 1.0, **signs: float) -> None:
        """The same reading from `start` to `end`, both included."""
        for index in range(round((end - start) / every) + 1):
            self.at(start + index * every, **signs)

    def assess(
        self, start: float, end: float, summary: News2Summary, *, every: float = 1.0, flagged: bool = False
    ) -> None:
        """The same assessment from `start` to `end`, both included."""
        for index in range(round((end - start) / every) + 1):
            self.step(assessment(start + index * every, summary, flagged=flagged))

    def tick(self, start: float, end: float | None = None, *, every: float = 1.0) -> None:
        """A tick, or one each second from `start` to `end`."""
        for index in range(round(((start if end is None else end) - start) / every) + 1):
            self.step(Tick(ms(start + index * every)))

    def command(
        self,
        second: float,
        action: Action,
        *,
        episode: str | None = None,
        command_id: str = "c-1",
        by: str = "nurse-1",
        until: float | None = None,
        note: str | None = None,
    ) -> tuple[Transition, ...]:
        """A person's command about an episode, by default the last one told of; `until` a second."""
        target = self.transitions[-1].episode_id if episode is None else episode
        until_ms = None if until is None else ms(until)
        return self.step(Command(command_id, PATIENT, target, action, by, ms(second), note=note, until_ms=until_ms))

    def said(self, kind: AlertKind | None = None) -> Sequence[tuple[float, TransitionKind]]:
        """When what was said, in seconds."""
        return [
            ((transition.at_ms - START_MS) / 1000, transition.transition)
            for transition in self.transitions
            if kind is None or transition.kind is kind
        ]

    def between(self, start: float, end: float, kind: AlertKind) -> list[Transition]:
        """Transitions of one kind within these seconds, both included."""
        return [
            transition
            for transition in self.transitions
            if transition.kind is kind and ms(start) <= transition.at_ms <= ms(end)
        ]

    @property
    def last(self) -> Transition:
        """The last transition."""
        return self.transitions[-1]
