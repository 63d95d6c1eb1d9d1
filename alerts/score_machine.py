"""NEWS2 and the unusual pattern at the engine: assessments in, transitions out. Pure."""

from alerts import charted
from alerts.ageing import step_assessed
from alerts.casebook import Casebook, Outcome
from alerts.episode import Cause, Finding
from alerts.evidence import Moment
from alerts.exertion import delay_s as exerted_delay_s
from alerts.model_machine import step_risk, step_shift
from alerts.pews_machine import step_charted_pews, step_pews
from alerts.rules import SCORE_LEVELS, Judgement, ScoreLevel, judge_pattern, judge_score, judge_score_fall
from alerts.score_family import end_other_family
from alerts.state import remember_id
from vitals.alert import AlertKind, Reason, Transition
from vitals.assessment import Assessment, News2Summary
from vitals.lateness import event_ms
from vitals.reading import CHARTING


def step_assessment(book: Casebook, assessment: Assessment) -> list[Transition]:
    """What scores and models say of one reading; of the past, or said before: nothing."""
    state = book.state
    if not remember_id(state.assessment_ids, assessment.reading_id):
        book.outcome = Outcome.DUPLICATE
        return []
    by_people = assessment.as_of_ms is not None
    last_ms, at_ms = state.assessed.last_ms, assessment.stands_at_ms if by_people else event_ms(assessment)
    if assessment.late or (last_ms is not None and at_ms < last_ms):
        book.outcome = Outcome.RETROSPECTIVE
        return []
    cause = Cause(assessment.reading_id, at_ms, assessment.received_at_ms, assessment.origin)
    lapsed = step_assessed(book, cause) + end_other_family(book, assessment, cause)
    if by_people:
        if assessment.pews is not None:
            return lapsed + step_charted_pews(book, assessment, assessment.pews, at_ms)
        return lapsed + _step_charted_score(book, assessment, at_ms)
    moment = state.assessed.step(at_ms, book.rules.gap)
    if assessment.pews is not None:
        scored = step_pews(book, assessment.pews, moment, cause)
    else:
        scored = _step_score(book, assessment, assessment.adult_news2, moment, cause)
    return [
        *lapsed,
        *scored,
        *_step_pattern(book, assessment, moment, cause),
        *step_risk(book, assessment, moment, cause),
        *step_shift(book, assessment, cause),
    ]


def _step_pattern(book: Casebook, assessment: Assessment, moment: Moment, cause: Cause) -> list[Transition]:
    machine = book.state.machine(AlertKind.UNUSUAL_PATTERN)
    judgement = judge_pattern(machine, assessment, moment, book.rules)
    return book.settle(AlertKind.UNUSUAL_PATTERN, machine, judgement, cause, Reason.PATTERN_USUAL, assessment.anomaly)


def _step_score(
    book: Casebook, assessment: Assessment, summary: News2Summary, moment: Moment, cause: Cause
) -> list[Transition]:
    transitions = _score_fall(book, summary, moment, cause)
    rules = book.rules
    delays_s = (rules.single_red_delay_s, rules.urgent_delay_s, rules.emergency_delay_s)
    raised: tuple[int, Finding] | None = None
    for index, (level, delay_s) in enumerate(zip(SCORE_LEVELS, delays_s, strict=True)):
        held_s = exerted_delay_s(level.kind, summary, delay_s, rules.exertion, exerted=assessment.exerted)
        judgement = judge_score(level, book.state.machine(level.kind), summary, moment, held_s)
        if judgement.finding is not None:
            raised = index, judgement.finding
    return transitions if raised is None else transitions + _raise_score(book, raised, summary, cause)


def _step_charted_score(book: Casebook, assessment: Assessment, at_ms: int) -> list[Transition]:
    summary, known = assessment.adult_news2, book.state.news2_points
    cause = Cause(assessment.reading_id, at_ms, assessment.received_at_ms, assessment.origin, CHARTING)
    transitions: list[Transition] = []
    index = _open_score_index(book)
    if index is not None:
        for sign in assessment.forgotten:
            known.pop(sign, None)
        known.update(summary.points)
        level = SCORE_LEVELS[index]
        judgement = charted.judge_charted_fall(level, known, assessment)
        transitions += _end_score(book, level, judgement, summary, cause)
    raised = charted.judge_charted_score(assessment)
    if raised is None:
        return transitions
    index = _open_score_index(book)
    if index is not None:
        charted.rest_on_people(book.state.machine(SCORE_LEVELS[index].kind))
    return transitions + _raise_score(book, raised, summary, cause)


def _raise_score(book: Casebook, raised: tuple[int, Finding], summary: News2Summary, cause: Cause) -> list[Transition]:
    """Open the episode of a level, unless one of it or above is active, and end those below it."""
    open_index = _open_score_index(book)
    if open_index is not None and open_index >= raised[0]:
        return []
    index, finding = raised
    level, value = SCORE_LEVELS[index], float(summary.low)
    book.state.news2_points = dict(summary.points)
    priority = book.priority_of(level.kind, level.priority)
    machine, judgement = book.state.machine(level.kind), Judgement(finding)
    transitions = book.settle(level.kind, machine, judgement, cause, Reason.SCORE_FELL, value)
    for lower in SCORE_LEVELS[:index]:
        machine = book.state.machine(lower.kind)
        transitions += book.close(machine, Reason.SUPERSEDED, finding.text, cause, value, superseded_by=priority)
    return transitions


def _open_score_index(book: Casebook) -> int | None:
    for index, level in enumerate(SCORE_LEVELS):
        if book.state.machine(level.kind).is_active:
            return index
    return None


def _score_fall(book: Casebook, summary: News2Summary, moment: Moment, cause: Cause) -> list[Transition]:
    index = _open_score_index(book)
    if index is None:
        return []
    level, known = SCORE_LEVELS[index], book.state.news2_points
    known.update(summary.points)
    machine = book.state.machine(level.kind)
    judgement = judge_score_fall(level, machine, known, summary, moment, book.rules.score_clear_s)
    return _end_score(book, level, judgement, summary, cause)


def _end_score(
    book: Casebook, level: ScoreLevel, judgement: Judgement, summary: News2Summary, cause: Cause
) -> list[Transition]:
    if judgement.ended_text is None:
        return []
    book.state.news2_points, machine = {}, book.state.machine(level.kind)
    return book.close(machine, Reason.SCORE_FELL, judgement.ended_text, cause, float(summary.low))
