"""How far an alert has climbed its ladder, and that somebody has it before their eyes."""

from collections.abc import Iterable, Mapping

from fastapi import APIRouter

from dashboard.context import Here
from dashboard.ladder_schemas import (
    DeliveryEntry,
    DueEntry,
    EscalationEntry,
    MissingEntry,
    SeenAnswer,
    SeenEntry,
    TakenEntry,
)
from dashboard.person import Signed
from dashboard.schemas import EpisodeId
from storage import episodes, escalation
from storage.escalation import Fate, StepRow
from storage.ladders import ladder_book
from storage.session import Connection
from vitals.alert import Transition
from vitals.errors import NotFound
from vitals.escalation import Due, Over, Round, acknowledgements_of, next_step, round_of, rung
from vitals.ladder import REPEATS_MAX
from vitals.phone_book import Unreached

router = APIRouter(tags=["escalation"])


@router.get("/alerts/{episode_id}/escalation")
async def get_escalation(here: Here, episode_id: EpisodeId) -> EscalationEntry:
    """The steps taken, to whom, on what evidence, what became of each, and what comes next."""
    return await here.ask(_escalation, episode_id)


@router.post("/alerts/{episode_id}/seen")
async def mark_seen(here: Here, who: Signed, episode_id: EpisodeId) -> SeenAnswer:
    """Say that the person who is signed in has this alert before their eyes, on a visible page.

    Seen is not acknowledged: the ladder goes on, and says that it was seen. Said again in the same round it changes nothing.
    """
    now_ms = here.clock.now_ms()
    known = await here.ask(_seen_in_round, episode_id, who.person_id)
    if known is None:
        await here.change(escalation.see, episode_id, who.person_id, by=who.name, at_ms=now_ms)
    return SeenAnswer(episode_id=episode_id, at_ms=now_ms if known is None else known)


def missing_entries(missing: Iterable[Unreached]) -> list[MissingEntry]:
    """Whom a step cannot tell, as the API says it."""
    return [MissingEntry(to=one.to, why=one.why, name=one.name) for one in missing]


def _steps_of(conn: Connection, episode_id: str) -> tuple[Transition, ...]:
    found = episodes.transitions_of(conn, episode_id)
    if not found:
        raise NotFound(f"There is no alert episode {episode_id}.")
    return found


def _seen_in_round(conn: Connection, episode_id: str, person_id: str) -> int | None:
    """When the person was last seen to see it since the present round began; None where they were not."""
    found = round_of(_steps_of(conn, episode_id))
    for sighting in escalation.sightings_of(conn, episode_id):
        began_ms = found.began_ms if isinstance(found, Round) else 0
        if sighting.person_id == person_id and sighting.last_at_ms >= began_ms:
            return sighting.last_at_ms
    return None


def _escalation(conn: Connection, episode_id: str) -> EscalationEntry:
    transitions = _steps_of(conn, episode_id)
    state = transitions[-1]
    ladder = ladder_book(conn).find(state.ward_id, state.priority).ladder
    found = round_of(transitions)
    following: Due | Over = found if isinstance(found, Over) else Over.ENDED
    if isinstance(found, Round):
        (case,) = escalation.cases(conn, [found])
        following = next_step(ladder, case, repeats_max=REPEATS_MAX)
    taken = escalation.steps_of(conn, episode_id)
    fates = list(escalation.fates_of(conn, [step.step_id for step in taken]))
    due = following if isinstance(following, Due) else None
    return EscalationEntry(
        episode_id=episode_id,
        steps=_taken(taken, fates),
        seen=[
            SeenEntry(name=one.by, first_at_ms=one.first_at_ms, last_at_ms=one.last_at_ms)
            for one in escalation.sightings_of(conn, episode_id)
        ],
        next=None
        if due is None
        else DueEntry(
            step=due.step + 1, at_ms=due.at_ms, evidence=due.why, to=[*ladder.steps[rung(ladder, due.step)].to]
        ),
        over=following if isinstance(following, Over) else None,
        acknowledgements=acknowledgements_of(state),
        acknowledgements_needed=ladder.acknowledgements,
    )


def _taken(steps: Iterable[StepRow], fates: Iterable[Fate]) -> list[TakenEntry]:
    by_delivery = {(fate.step_id, fate.destination_id): fate for fate in fates}
    rounds: dict[str, int] = {}
    return [
        TakenEntry(
            round=rounds.setdefault(step.round_id, len(rounds) + 1),
            step=step.step + 1,
            at_ms=step.at_ms,
            due_ms=step.due_ms,
            evidence=step.evidence,
            reached=step.reached,
            told=_told(step, by_delivery),
            missing=missing_entries(step.missing),
            ladder_ward_id=step.ladder_ward_id,
            ladder_version=step.ladder_version,
        )
        for step in steps
    ]


def _told(step: StepRow, fates: Mapping[tuple[str, str], Fate]) -> list[DeliveryEntry]:
    told = []
    for one in step.told:
        fate = fates.get((step.step_id, one.destination_id))
        told.append(
            DeliveryEntry(
                to=one.to,
                destination_id=one.destination_id,
                name=one.name,
                state="not known" if fate is None else fate.state,
                failed_at_ms=None if fate is None else fate.failed_at_ms,
                seen_at_ms=None if fate is None else fate.seen_at_ms,
            )
        )
    return told
