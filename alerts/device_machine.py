"""What is amiss with a patient's devices, at the engine: irregular data, low charge and wrong clocks. Pure."""

from alerts import wording
from alerts.casebook import Casebook
from alerts.contact_machine import taken_over
from alerts.episode import RANK, Cause, Finding
from alerts.irregular import Seen
from alerts.rules import Judgement
from vitals.alert import AlertKind, Priority, Reason, Transition
from vitals.lateness import event_ms
from vitals.phrases import duration
from vitals.reading import Reading, RefusedSigns
from vitals.sign import Sign


def step_devices(book: Casebook, reading: Reading) -> list[Transition]:
    """A reading of now: what it says of its device."""
    transitions = _keep_time(book, reading)
    cause = Cause.of(reading, event_ms(reading), reading.received_at_ms)
    transitions += _step_irregular(book, reading, cause)
    if Sign.BATTERY in reading.signs or AlertKind.LOW_BATTERY in book.state.machines:
        transitions += _step_battery(book, reading, cause)
    return transitions


def step_mistimed(book: Casebook, record: Reading | RefusedSigns) -> list[Transition]:
    """A reading that cannot alarm for its time: late, or refused as of the future."""
    state, rules = book.state, book.rules
    behind_ms = record.received_at_ms - record.measured_at_ms
    clock = state.clocks.miss(record.device_id, record.received_at_ms, behind_ms, rules.clock, rules.gap)
    machine = state.machine(AlertKind.CLOCK_WRONG)
    if not clock.wrong or machine.episode is not None or state.clocks.dismissed:
        return []
    at_ms = clock.arrivals.last_ms or record.received_at_ms
    text = wording.clock(record.device_id, behind_ms, at_ms - clock.since_ms)
    priority, text = taken_over(book, Priority.MEDIUM, text, at_ms, device_id=record.device_id)
    finding = Finding(priority, Reason.CLOCK_OFF, clock.since_ms, text)
    return book.open(AlertKind.CLOCK_WRONG, machine, finding, Cause.of(record, at_ms, at_ms))


def _keep_time(book: Casebook, reading: Reading) -> list[Transition]:
    state = book.state
    state.clocks.keep_time(reading.device_id, reading.received_at_ms, book.rules.clock)
    machine = state.machines.get(AlertKind.CLOCK_WRONG)
    if machine is None or machine.episode is None or state.clocks.any_wrong():
        return []
    at_ms = max(reading.received_at_ms, machine.episode.raised_at_ms)
    lasted = duration(max(0, at_ms - machine.episode.onset_ms))
    cause = Cause.of(reading, at_ms, at_ms)
    return book.close(machine, Reason.CLOCK_RIGHT, f"Readings come in time again after {lasted}", cause)


def _step_irregular(book: Casebook, reading: Reading, cause: Cause) -> list[Transition]:
    state, rules = book.state.irregular, book.rules
    seen = state.step(reading.device_id, reading.signs, cause.at_ms, rules.irregular, rules.gap)
    if seen is None and not state.signs and not state.poor:
        machine = book.state.machines.get(AlertKind.IRREGULAR_DATA)
        if machine is None or machine.episode is None:
            return []
    machine = book.state.machine(AlertKind.IRREGULAR_DATA)
    if state.regular.last_ms is not None and cause.at_ms < state.regular.last_ms:
        return []
    moment = state.regular.step(cause.at_ms, rules.gap)
    if not moment.is_consecutive:
        machine.clear_since_ms = None
    if seen is None:
        if machine.clear_since_ms is None:
            machine.clear_since_ms = cause.at_ms
        if not moment.has_held(machine.clear_since_ms, rules.irregular.clear_s):
            return []
        text = wording.regular(cause.at_ms - machine.clear_since_ms)
        state.settle()
        machine.clear_since_ms = None
        return book.close(machine, Reason.SIGNAL_REGULAR, text, cause)
    machine.clear_since_ms = None
    return _irregular(book, seen, reading, cause)


def _irregular(book: Casebook, seen: Seen, reading: Reading, cause: Cause) -> list[Transition]:
    machine, rule = book.state.machine(AlertKind.IRREGULAR_DATA), book.rules.irregular
    lasted_ms = cause.at_ms - seen.since_ms
    lasts = bool(seen.chattering) and lasted_ms >= rule.chatter_medium_s * 1000
    priority = Priority.MEDIUM if lasts else Priority.LOW
    episode = machine.episode
    if book.state.irregular.dismissed or (episode is not None and RANK[priority] <= RANK[episode.priority]):
        return []
    sign = seen.chattering[0] if seen.chattering else None
    if sign is None:
        text = wording.poor_signal(reading.device_id, seen.poor_percent or 0.0, lasted_ms)
    else:
        text = wording.chatter(seen.chattering, lasted_ms)
    value = seen.poor_percent if sign is None else reading.signs[sign]
    finding = Finding(priority, Reason.SIGNAL_IRREGULAR, seen.since_ms, text, sign or Sign.SIGNAL_QUALITY, value)
    return book.settle(
        AlertKind.IRREGULAR_DATA, machine, Judgement(finding=finding), cause, Reason.SIGNAL_REGULAR, None
    )


def _step_battery(book: Casebook, reading: Reading, cause: Cause) -> list[Transition]:
    state, rule = book.state, book.rules.battery
    percent, batteries = reading.signs.get(Sign.BATTERY), state.batteries
    if percent is not None:
        batteries.step(reading.device_id, percent, cause.at_ms, rule)
    machine = state.machine(AlertKind.LOW_BATTERY)
    if machine.episode is not None:
        batteries.forget_unheard(state.device_newest_ms, cause.at_ms, rule)
    lowest = batteries.lowest()
    if lowest is None:
        batteries.dismissed = False
        return _battery_fine(book, reading, cause)
    device_id, charge = lowest
    is_critical = charge.percent <= rule.critical_percent
    priority = Priority.MEDIUM if is_critical else Priority.LOW
    episode = machine.episode
    if batteries.dismissed or (episode is not None and RANK[priority] <= RANK[episode.priority]):
        return []
    text = wording.low_battery(device_id, charge.percent)
    limit = rule.critical_percent if is_critical else rule.low_percent
    onset_ms = cause.at_ms if charge.since_ms is None else charge.since_ms
    finding = Finding(priority, Reason.BATTERY_LOW, onset_ms, text, Sign.BATTERY, charge.percent, limit)
    return book.settle(AlertKind.LOW_BATTERY, machine, Judgement(finding=finding), cause, Reason.BATTERY_CHARGED, None)


def _battery_fine(book: Casebook, reading: Reading, cause: Cause) -> list[Transition]:
    machine, percent = book.state.machine(AlertKind.LOW_BATTERY), reading.signs.get(Sign.BATTERY)
    episode = machine.episode
    if episode is None:
        return []
    known = episode.device_id is None or episode.device_id in book.state.batteries.charges
    if known and percent is None:
        return []
    if not known and percent is None:
        return book.close(machine, Reason.DEVICE_OFF, f"{episode.device_id} is heard of no more", cause)
    return book.close(
        machine, Reason.BATTERY_CHARGED, wording.charged(reading.device_id, percent or 0.0), cause, percent
    )
