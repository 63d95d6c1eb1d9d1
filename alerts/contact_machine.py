"""Lost contact and lost signs at the engine: arrivals and ticks in, transitions out. Pure."""

from alerts import wording
from alerts.casebook import Casebook, Outcome
from alerts.episode import Cause, Finding
from alerts.suppression import goes_quiet
from alerts.unjudged import LOST_KINDS, SignWatch, Why
from vitals.alert import AlertKind, Priority, Reason, Transition
from vitals.lateness import is_outdated
from vitals.phrases import duration, label
from vitals.reading import DeviceId, Reading, RefusedSigns, Tick
from vitals.sign import Sign


def step_silence(book: Casebook, tick: Tick) -> list[Transition]:
    """Whether the patient has been silent for too long."""
    state = book.state
    contact = state.contact
    contact.follow_clock(tick.at_ms, book.rules.contact)
    if contact.heard_ms is None or not contact.is_lost(tick.at_ms, book.rules.contact) or state.is_unworn:
        return []
    if state.is_gone(contact.heard_ms):
        return []
    machine = state.machine(AlertKind.LOST_CONTACT)
    if machine.episode is not None:
        return []
    text = wording.silence(tick.at_ms - contact.heard_ms, _usual_ms(book))
    priority = book.priority_of(AlertKind.LOST_CONTACT, Priority.MEDIUM)
    priority, text = taken_over(book, priority, text, tick.at_ms)
    finding = Finding(priority, Reason.NO_READING, contact.heard_ms, text)
    cause = Cause(f"tick@{tick.at_ms}", tick.at_ms, tick.at_ms, contact.origin)
    return book.open(AlertKind.LOST_CONTACT, machine, finding, cause)


def _usual_ms(book: Casebook) -> int | None:
    """How often the patient is heard of usually: by moments of contact, or within one where they follow one another."""
    by_moments_ms = book.state.contact.usual_ms(book.rules.contact)
    if by_moments_ms is not None and by_moments_ms > book.rules.contact.moment_ms:
        return by_moments_ms
    return book.state.arrivals.usual_ms()


def regain_contact(book: Casebook, reading: Reading) -> list[Transition]:
    """The patient is heard of again."""
    machine = book.state.machines.get(AlertKind.LOST_CONTACT)
    if machine is None or machine.episode is None:
        return []
    at_ms = max(reading.received_at_ms, machine.episode.raised_at_ms)
    silent_ms = max(0, at_ms - machine.episode.onset_ms)
    cause = Cause(reading.reading_id, at_ms, at_ms)
    return book.close(machine, Reason.CONTACT_REGAINED, f"Contact again after {duration(silent_ms)}", cause)


def step_refused(book: Casebook, refused: RefusedSigns) -> list[Transition]:
    """Values that were refused as impossible."""
    if is_outdated(refused, live_age_ms_max=book.rules.live_age_ms_max):
        book.outcome = Outcome.RETROSPECTIVE
        return []
    return watch_signs(book, refused, Why.REFUSED)


def watch_signs(book: Casebook, record: Reading | RefusedSigns, why: Why | None) -> list[Transition]:
    """Take note of which signs are judged (`why` is None), which are not for that reason, and which are absent."""
    state = book.state
    transitions: list[Transition] = []
    at_ms = _arrived_ms(book, record)
    moment = state.arrivals.step(at_ms, book.rules.gap)
    for sign in LOST_KINDS:
        watch, is_heard = state.watches.get(sign), sign in record.signs
        if watch is None:
            if not is_heard:
                continue
            watch = state.watches[sign] = SignWatch()
        if is_heard and why is None:
            watch.judge(at_ms, book.rules.gap)
            transitions += _regain_sign(book, sign, record, at_ms)
            continue
        if is_heard and why is Why.MISTIMED:
            watch.since_ms.pop(Why.ABSENT, None)
            continue
        missed = why if is_heard and why is not None else Why.ABSENT
        since_ms = watch.miss(sign, missed, moment, book.rules.unjudged)
        if since_ms is not None:
            transitions += _lose_sign(book, sign, missed, since_ms, record, at_ms)
    return transitions


def _arrived_ms(book: Casebook, record: Reading | RefusedSigns) -> int:
    """When the record arrived, as one that does not run back: but where it lies far back, the ones before were of a clock ahead."""
    state, at_ms = book.state, record.received_at_ms
    last_ms = state.arrivals.last_ms or 0
    if last_ms - at_ms <= book.rules.contact.silence_s * 1000:
        return max(at_ms, last_ms)
    for watch in state.watches.values():
        watch.since_ms.clear()
    return at_ms


def _lose_sign(
    book: Casebook, sign: Sign, why: Why, since_ms: int, record: Reading | RefusedSigns, at_ms: int
) -> list[Transition]:
    kind, value = LOST_KINDS[sign], record.signs.get(sign)
    machine = book.state.machine(kind)
    if machine.episode is not None:
        return []
    text = wording.unjudged(sign, why, at_ms - since_ms, value=value or 0.0)
    priority = book.priority_of(kind, Priority.LOW if why is Why.ABSENT else Priority.MEDIUM)
    priority, text = taken_over(book, priority, text, at_ms, sign)
    finding = Finding(priority, Reason.NO_READING, since_ms, text, sign, value)
    return book.open(kind, machine, finding, Cause.of(record, at_ms, at_ms))


def _regain_sign(book: Casebook, sign: Sign, record: Reading | RefusedSigns, at_ms: int) -> list[Transition]:
    machine = book.state.machines.get(LOST_KINDS[sign])
    if machine is None or machine.episode is None:
        return []
    cause = Cause.of(record, max(at_ms, machine.episode.raised_at_ms), at_ms)
    lasted = duration(max(0, cause.at_ms - machine.episode.onset_ms))
    text = f"{label(sign)} again after {lasted}"
    return book.close(machine, Reason.CONTACT_REGAINED, text, cause, record.signs[sign])


def taken_over(
    book: Casebook,
    priority: Priority,
    text: str,
    heard_ms: int,
    sign: Sign | None = None,
    device_id: DeviceId | None = None,
) -> tuple[Priority, str]:
    """A fault that comes over a high alert which nobody has in hand is as urgent as that: nothing high goes quiet."""
    high = goes_quiet(book.state, heard_ms, sign, device_id)
    return (priority, text) if high is None else (Priority.HIGH, f"{text}; unacknowledged before: {high.text}")
