"""Short scenes of the steps in an alert's life that random sequences of a few signs never come to."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

import msgspec

from alerts.engine import Record
from alerts.episode import retracted
from alerts.retrospect import Retrospect
from alerts.rules import AlertRules
from alerts.snapshot import adoptable
from storage.episodes import Episode, get, store
from storage.session import Connection
from tests.support.alert_timetable import (
    PATIENT,
    WARD,
    Timetable,
    assessment,
    charted,
    ms,
    named,
    news2,
    reading,
    withdrawn,
)
from tests.support.timed_policy import TimedPolicy
from vitals.age import AgeBand
from vitals.alert import Action, AlertKind, Command, Priority, Transition
from vitals.assessment import Assessment, Driver, PewsSummary
from vitals.fault import SystemFault
from vitals.reading import DeviceId, Tick, Unaccounted, Withdrawn
from vitals.sign import Sign

_WELL = news2(spo2=97, heart_rate=70)


def rare_lives() -> Iterator[Sequence[Transition]]:
    """Every scene's transitions."""
    for scene in (
        _faults(),
        _accounts(),
        _risk(in_hand=True),
        _risk(in_hand=False),
        _shift(),
        _chatter(),
        _battery(),
        _clock(),
        _consciousness(),
        _consciousness_again(),
        _pattern(),
        _child(),
        _latched_and_gone(),
        _deeper(),
        _back_and_worse(),
    ):
        yield _lived(scene, TimedPolicy(AlertRules()))
    for in_hand in (True, False):
        yield _lived(_score(in_hand=in_hand), TimedPolicy(AlertRules()))
        yield _lived(_limit_gone(in_hand=in_hand), TimedPolicy([(0, AlertRules()), (100, AlertRules(limits=()))]))
    yield _found()


def _lived(scene: Iterable[Record], policy: TimedPolicy) -> Sequence[Transition]:
    ward = Timetable(policy=policy)
    for record in scene:
        ward.step(_about_the_last(record, ward) if isinstance(record, Command) else record)
    return ward.transitions


def ended_and_retracted(conn: Connection) -> Transition:
    """What a correction makes of an episode that has ended."""
    ward = Timetable()
    ward.hold(0, 41, spo2=84)
    ward.hold(42, 110, spo2=97)
    store(conn, ward.transitions)
    ended: Episode = get(conn, ward.last.episode_id)
    order = Withdrawn("x-1", PATIENT, DeviceId("device-1"), ms(0), ms(100), ms(200), "ann", "mixed up")
    return retracted(adoptable(ended), order).transition


def _about_the_last(command: Command, ward: Timetable) -> Command:
    return msgspec.structs.replace(command, episode_id=ward.last.episode_id)


def _acknowledge(second: float, number: int = 1) -> Command:
    return Command(f"c-{number}", PATIENT, "", Action.ACKNOWLEDGE, "ann", ms(second))


def _faults() -> Iterable[Record]:
    def fault(second: float, priority: Priority, *, present: bool = True) -> SystemFault:
        return SystemFault(PATIENT, AlertKind.WORKER_DOWN, ms(second), "It stands still.", priority, present)

    yield fault(0, Priority.MEDIUM)
    yield fault(10, Priority.HIGH)
    yield fault(20, Priority.HIGH, present=False)


def _accounts() -> Iterable[Record]:
    for second in (0, 20):
        yield Unaccounted(PATIENT, ms(second), 3, (DeviceId("device-1"),), ms(second))
        yield Unaccounted(PATIENT, ms(second + 10), 0, device_off=second == 20)


def _risk(*, in_hand: bool) -> Iterable[Record]:
    for second in range(0, 4000, 10):
        risk = 0.34 if second < 400 else 0.01
        scored = assessment(second, _WELL)
        yield msgspec.structs.replace(scored, risk=risk, risk_threshold=0.2, risk_horizon_s=21_600.0)
        if in_hand and second == 390:
            yield _acknowledge(391)


def _shift() -> Iterable[Record]:
    for second in range(0, 6000, 10):
        scored = assessment(second, _WELL)
        if second < 3000:
            yield msgspec.structs.replace(scored, departed=(Driver(Sign.SPO2, 90.0, 97.0, 5.0),))
        else:
            yield msgspec.structs.replace(scored, as_usual=(Sign.SPO2,))


def _chatter() -> Iterable[Record]:
    for second in range(1500):
        yield reading(second, named(spo2=85 if second // 5 % 2 and second < 1000 else 97))


def _battery() -> Iterable[Record]:
    for index, percent in enumerate((20, 14, 9, 4, 60, 80)):
        yield reading(index * 3600, named(heart_rate=70, battery=percent), sequence=index)


def _clock() -> Iterable[Record]:
    for second in range(300):
        yield reading(second - 600, named(spo2=97), received=second, sequence=second)
    yield reading(300, named(spo2=97), sequence=300)


def _consciousness() -> Iterable[Record]:
    yield charted(10, {Sign.CONSCIOUSNESS: 1})
    yield _acknowledge(20)
    yield charted(30, {Sign.CONSCIOUSNESS: 2})
    yield charted(40, {Sign.CONSCIOUSNESS: 4})
    yield charted(50, {Sign.CONSCIOUSNESS: 0})


def _consciousness_again() -> Iterable[Record]:
    entry = charted(10, {Sign.CONSCIOUSNESS: 3})
    yield entry
    yield withdrawn(entry, 20)


def _pattern() -> Iterable[Record]:
    for second in range(0, 800, 5):
        yield assessment(second, _WELL, flagged=second < 300)


def _child() -> Iterable[Record]:
    def scored(second: float, points: int) -> Assessment:
        summary = PewsSummary(points, points, {Sign.HEART_RATE: points}, (), AgeBand.UNDER_1_YEAR)
        return msgspec.structs.replace(assessment(second, _WELL), news2=None, pews=summary)

    for index, second in zip(count(), range(0, 4000, 10)):
        yield scored(second, 6 if index < 100 else 14 if index < 200 else 0)


def _latched_and_gone() -> Iterable[Record]:
    entry = reading(0, named(spo2=55))
    yield entry
    for second in range(1, 70):
        yield reading(second, named(spo2=97))
    yield Withdrawn("x-1", PATIENT, DeviceId("device-1"), ms(0), ms(100), ms(200), "ann", "mixed up")


def _deeper() -> Iterable[Record]:
    for second in range(40):
        yield reading(second, named(spo2=79 if second < 20 else 65))
        if second == 19:
            yield _acknowledge(19)


def _back_and_worse() -> Iterable[Record]:
    for second in range(200):
        yield reading(second, named(spo2=84 if second < 50 else 97 if second < 120 else 75))


def _score(*, in_hand: bool) -> Iterable[Record]:
    for second in range(0, 900, 5):
        yield assessment(second, news2(spo2=84, heart_rate=135) if second < 200 else _WELL)
        if in_hand and second == 195:
            yield _acknowledge(196)


def _limit_gone(*, in_hand: bool) -> Iterable[Record]:
    for second in range(60):
        yield reading(second, named(spo2=84))
    if in_hand:
        yield _acknowledge(60)
    yield Tick(ms(101))


def _found() -> Sequence[Transition]:
    policy = TimedPolicy(AlertRules())
    looking = Retrospect(PATIENT, policy, correction_id="x-1", by="ann", ward_at=lambda _: WARD)
    for second in range(60):
        looking.step(reading(second, named(spo2=55)))
    return looking.end()
