"""How many alarms people get, by the yardsticks of process industry, and what spared them the rest. Pure.

The yardsticks are those of EEMUA 191, ISA-18.2 and IEC 62682: engineering figures of control rooms, no clinical norms. A
*position* is who hears the alarms: one simulated ward, or one recorded patient. Every figure keeps what it is a share of.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil

import msgspec

from evaluation.alarm_load_beds import SIMULATED, START_MS, SimulatedBed
from evaluation.alarm_load_run import BedLoad, Signal
from simulators.scenarios.course import JUDGED_KINDS
from simulators.truth import MustAlarm, Truth
from vitals.alert import AlertKind, Priority
from vitals.limits import HARD_LIMITS

WINDOW_MS = 600_000
FLOOD_FROM = 11
"""More than ten alarms in ten minutes are a flood."""
CHATTERING_FROM, CHATTERING_MS = 3, 60_000
"""So many activations of one alarm within a minute."""
FLEETING_MS = 60_000
"""Over sooner than anybody could have been at the bed; our choice."""
STALE_MS = 24 * 3_600_000
TOP_SOURCES = 10
LIMIT_KINDS = frozenset(rule.kind for rule in HARD_LIMITS)
LEAST_FEWER = 0.8
"""The target: at least so many fewer than a plain monitor at the same events caught."""


class Alarm(msgspec.Struct, frozen=True):
    """One alarm that somebody heard."""

    position: str
    bed: str
    at_ms: int
    kind: AlertKind
    ended_ms: int | None = None


class Yardsticks(msgspec.Struct, frozen=True, kw_only=True):
    """The load of some positions; counts, and what they are counts of."""

    positions: int
    beds: int
    bed_hours: float
    told: int
    per_patient_day: float
    per_bed_hour: float
    windows: int
    """Ten minutes of one position each, empty ones too."""
    empty_windows: int
    flood_windows: int
    peak_per_window: int
    chattering: int
    """Activations that were at least the third of one alarm within a minute."""
    fleeting: int
    """Alarms whose condition was over within a minute."""
    stale: int
    """Alarms whose condition lasted more than a day."""
    top_sources_share: float | None
    """Of the ten alarms (one kind at one bed) that told most, their share of all; None where nothing was told."""
    sources: int
    """How many alarms (one kind at one bed) told anything."""


class Absorbed(msgspec.Struct, frozen=True):
    """What one means spared people: how much would have been told without it, and how much was."""

    means: str
    without: int
    told: int

    @property
    def share(self) -> float | None:
        """Of what would have been told; None of nothing. Negative where the means tells more."""
        return None if not self.without else 1 - self.told / self.without


class SetLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One set of beds: what the engine told, beside a plain monitor at the same signs."""

    source: str
    engine: Yardsticks
    plain: Yardsticks
    plain_heart_rate_per_patient_day: float
    """Of the monitor that tells a heart rate above 120 for 15 s."""
    by_kind: dict[str, dict[str, int]]
    """Told, by kind and priority."""
    by_priority: dict[str, int]
    episodes: int
    """Alerts that people were told of, each once however often."""
    medium_or_high_per_patient_day: float
    """Told; of how many episodes stands beside it."""
    medium_or_high_episodes_per_patient_day: float
    limit_alarms: int
    """Told of limits alone, which is all that a plain monitor knows."""
    absorbed: tuple[Absorbed, ...]

    @property
    def fewer(self) -> float | None:
        """How many fewer alarms, of all kinds, than the plain monitor's, as a share of those."""
        return None if not self.plain.told else 1 - self.engine.told / self.plain.told

    @property
    def fewer_of_limits(self) -> float | None:
        """The same of limits alone."""
        return None if not self.plain.told else 1 - self.limit_alarms / self.plain.told


class EventLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that had to alarm: when the engine told it, and when the plain monitor did."""

    bed: str
    scenario: str
    kind: str
    within_s: float
    physiological: bool
    engine_s: float | None
    """Since the onset; None where it was not told in time."""
    plain_s: float | None
    """Any alarm of the plain monitor in that time, of the kind's own sign where it has a limit."""


class ScenarioLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario over its beds."""

    scenario: str
    beds: int
    bed_hours: float
    told: int
    false: int
    """Told before the onset, or of a kind that this course must not bring; without what a model thinks unusual."""
    plain: int
    due: int
    caught: int
    plain_caught: int


def loads_by_set(loads: Sequence[BedLoad], grouped: Mapping[str, int]) -> list[SetLoad]:
    """One line a set, in the order in which they come; `grouped`: notifications a set's alarms make once grouped."""
    by_source: defaultdict[str, list[BedLoad]] = defaultdict(list)
    for load in loads:
        by_source[load.source].append(load)
    return [_set_load(source, beds, grouped.get(source)) for source, beds in by_source.items()]


def events(beds: Iterable[SimulatedBed], loads: Mapping[str, BedLoad]) -> list[EventLoad]:
    """All that had to alarm before the end, bed by bed."""
    return [
        _event(bed, truth, must, loads[bed.name])
        for bed in beds
        for truth in (bed.truth(),)
        for must in truth.must_alarm
        if (truth.onset_s or 0.0) + must.within_s <= bed.hours * 3600
    ]


def scenarios(
    beds: Iterable[SimulatedBed], loads: Mapping[str, BedLoad], found: Sequence[EventLoad]
) -> list[ScenarioLoad]:
    """One line a scenario."""
    rows: dict[str, list[SimulatedBed]] = {}
    for bed in beds:
        rows.setdefault(bed.course().name, []).append(bed)
    lines = []
    for name, mine in rows.items():
        due = [event for event in found if event.scenario == name]
        lines.append(
            ScenarioLoad(
                scenario=name,
                beds=len(mine),
                bed_hours=sum(bed.hours for bed in mine),
                told=sum(len(loads[bed.name].signals) for bed in mine),
                false=sum(_is_false(signal, bed.truth()) for bed in mine for signal in loads[bed.name].signals),
                plain=sum(len(loads[bed.name].plain) for bed in mine),
                due=len(due),
                caught=sum(event.engine_s is not None for event in due),
                plain_caught=sum(event.plain_s is not None for event in due),
            )
        )
    return lines


def yardsticks(alarms: Sequence[Alarm], hours: Mapping[tuple[str, str], float]) -> Yardsticks:
    """The load of these alarms; `hours` of each bed, by (position, bed), silent ones too."""
    bed_hours = sum(hours.values())
    longest: defaultdict[str, float] = defaultdict(float)
    for (position, _), lasted_h in hours.items():
        longest[position] = max(longest[position], lasted_h)
    windows = sum(max(1, ceil(lasted_h * 3_600_000 / WINDOW_MS)) for lasted_h in longest.values())
    filled = Counter((alarm.position, (alarm.at_ms - START_MS) // WINDOW_MS) for alarm in alarms)
    sources = Counter((alarm.bed, alarm.kind) for alarm in alarms)
    lasting = [alarm.ended_ms - alarm.at_ms for alarm in alarms if alarm.ended_ms is not None]
    end_ms = {bed: START_MS + round(lasted_h * 3_600_000) for (_, bed), lasted_h in hours.items()}
    return Yardsticks(
        positions=len(longest),
        beds=len(hours),
        bed_hours=round(bed_hours, 2),
        told=len(alarms),
        per_patient_day=_per(len(alarms), bed_hours / 24),
        per_bed_hour=_per(len(alarms), bed_hours),
        windows=windows,
        empty_windows=windows - len(filled),
        flood_windows=sum(count >= FLOOD_FROM for count in filled.values()),
        peak_per_window=max(filled.values(), default=0),
        chattering=_chattering(alarms),
        fleeting=sum(lasted_ms < FLEETING_MS for lasted_ms in lasting),
        stale=sum((alarm.ended_ms or end_ms[alarm.bed]) - alarm.at_ms > STALE_MS for alarm in alarms),
        top_sources_share=(
            round(sum(count for _, count in sources.most_common(TOP_SOURCES)) / len(alarms), 3) if alarms else None
        ),
        sources=len(sources),
    )


def _chattering(alarms: Iterable[Alarm]) -> int:
    at_ms: defaultdict[tuple[str, AlertKind], list[int]] = defaultdict(list)
    for alarm in alarms:
        at_ms[alarm.bed, alarm.kind].append(alarm.at_ms)
    earlier = CHATTERING_FROM - 1
    return sum(
        moments[index] - moments[index - earlier] <= CHATTERING_MS
        for moments in map(sorted, at_ms.values())
        for index in range(earlier, len(moments))
    )


def _set_load(source: str, beds: Sequence[BedLoad], notifications: int | None) -> SetLoad:
    hours = {(_position(load), load.name): load.hours for load in beds}
    engine = [alarm for load in beds for alarm in _told(load)]
    plain = [
        Alarm(_position(load), load.name, each.at_ms, each.kind, each.ended_ms) for load in beds for each in load.plain
    ]
    signals = [signal for load in beds for signal in load.signals]
    days = sum(hours.values()) / 24
    by_kind: dict[str, dict[str, int]] = {}
    for signal in signals:
        row = by_kind.setdefault(signal.kind.value, {})
        row[signal.priority.value] = row.get(signal.priority.value, 0) + 1
    by_priority = Counter(signal.priority.value for signal in signals)
    urgent = {signal.episode_id for signal in signals if signal.priority is not Priority.LOW}
    return SetLoad(
        source=source,
        engine=yardsticks(engine, hours),
        plain=yardsticks(plain, hours),
        plain_heart_rate_per_patient_day=_per(sum(load.plain_held_heart_rate for load in beds), days),
        by_kind=by_kind,
        by_priority={priority.value: by_priority[priority.value] for priority in Priority},
        episodes=len({signal.episode_id for signal in signals}),
        medium_or_high_per_patient_day=_per(len(signals) - by_priority[Priority.LOW.value], days),
        medium_or_high_episodes_per_patient_day=_per(len(urgent), days),
        limit_alarms=sum(signal.kind in LIMIT_KINDS for signal in signals),
        absorbed=tuple(_absorbed(beds, len(signals), notifications)),
    )


def _absorbed(beds: Sequence[BedLoad], told: int, notifications: int | None) -> Iterable[Absorbed]:
    for means in beds[0].without:
        yield Absorbed(means, sum(load.without[means] for load in beds), told)
    for means, reasons in (("inhibition", ("inhibited", "absorbed")), ("silence", ("silenced",))):
        kept_quiet = sum(load.suppressed.get(reason, 0) for load in beds for reason in reasons)
        yield Absorbed(means, told + kept_quiet, told)
    if notifications is not None:
        yield Absorbed("grouping", told, notifications)


def _told(load: BedLoad) -> Iterable[Alarm]:
    """Each signal as an alarm; it lasted until its episode's condition ended."""
    ended = {held.episode_id: held.ended_ms for held in load.held}
    for signal in load.signals:
        yield Alarm(_position(load), load.name, signal.at_ms, signal.kind, ended.get(signal.episode_id))


def _position(load: BedLoad) -> str:
    return SIMULATED if load.source == SIMULATED else load.name


def _event(bed: SimulatedBed, truth: Truth, must: MustAlarm, load: BedLoad) -> EventLoad:
    onset_ms = START_MS + round((truth.onset_s or 0.0) * 1000)
    kinds = {must.kind, *must.or_kinds}
    limits = kinds & LIMIT_KINDS or LIMIT_KINDS

    def first_s(moments: Iterable[int]) -> float | None:
        since_s = [(at_ms - onset_ms) / 1000 for at_ms in moments]
        return min((second for second in since_s if 0 <= second <= must.within_s), default=None)

    return EventLoad(
        bed=bed.name,
        scenario=truth.scenario,
        kind=must.kind.value,
        within_s=must.within_s,
        physiological=bool(kinds & LIMIT_KINDS) or must.kind.value.startswith("news2"),
        engine_s=first_s(signal.at_ms for signal in load.signals if signal.kind in kinds),
        plain_s=first_s(alarm.at_ms for alarm in load.plain if alarm.kind in limits),
    )


def _is_false(signal: Signal, truth: Truth) -> bool:
    if signal.kind not in JUDGED_KINDS:
        return False
    return signal.kind in truth.must_not_alarm or (signal.at_ms - START_MS) / 1000 < (truth.onset_s or 0.0)


def _per(count: int, units: float) -> float:
    return round(count / units, 3) if units else 0.0
