"""What looking alerts up promises, whichever database: subclass and give the fixture `database`, upgraded and empty."""

from typing import Any

import msgspec

from storage import episode_history, episodes
from storage.episode_history import Wanted
from storage.session import Database
from storage.window import Cursor
from tests.support.builders import at_ms
from tests.support.storage_history_contract import step
from vitals.alert import Acknowledgement, AlertKind, Priority, Reason, Suppression, Transition, TransitionKind
from vitals.episode_state import EpisodeState
from vitals.reading import PatientId, WardId

QUIET = Suppression(reason=Reason.SILENCED, since_ms=1, by="Kim", silence_id="s1", until_ms=9)
HELD = Acknowledgement("kim", "Kim", at_ms(20), at_ms(900), "on my way")


def lives() -> list[Transition]:
    """One alert of each state, of one patient each, raised one after another."""
    changed = msgspec.structs.replace
    begun = {
        name: changed(step(episode=name, patient=f"p-{name}"), raised_at_ms=at_ms(number))
        for number, name in enumerate(("active", "held", "latched", "quiet", "ended", "unseen"))
    }
    later: dict[str, tuple[TransitionKind, dict[str, Any]]] = {
        "held": (TransitionKind.ACKNOWLEDGED, {"acknowledged": True, "acknowledgements": (HELD,)}),
        "latched": (TransitionKind.LATCHED, {"active": False, "latched": True}),
        "quiet": (TransitionKind.SUPPRESSED, {"suppression": QUIET}),
        "ended": (TransitionKind.RESOLVED, {"active": False, "acknowledged": True}),
        "unseen": (TransitionKind.RESOLVED, {"active": False}),
    }
    return [
        *begun.values(),
        *(
            changed(begun[name], transition=kind, transition_id=f"{name}-2", at_ms=at_ms(30), **state)
            for name, (kind, state) in later.items()
        ),
    ]


class EpisodeHistoryContract:
    """Each alert is found by how it stands, with its whole state."""

    def found(self, database: Database, wanted: Wanted, limit: int = 99) -> list[str]:
        with database.snapshot() as conn:
            return [one.episode_id for one in episode_history.find(conn, wanted, limit=limit)]

    def test_alerts_are_found_by_each_word_for_how_they_stand(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, lives())
        states = {state: self.found(database, Wanted(state=state)) for state in EpisodeState}
        assert states == {
            EpisodeState.OPEN: ["quiet", "latched", "held", "active"],
            EpisodeState.ACTIVE: ["active"],
            EpisodeState.ACKNOWLEDGED: ["held"],
            EpisodeState.LATCHED: ["latched"],
            EpisodeState.SUPPRESSED: ["quiet"],
            EpisodeState.ENDED: ["unseen", "ended"],
            EpisodeState.UNSEEN: ["unseen"],
        }

    def test_an_alert_comes_with_its_whole_state(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, lives())
        with database.snapshot() as conn:
            stood = episode_history.standing(conn, ["held", "quiet", "none"])
        assert stood.keys() == {"held", "quiet"}
        assert stood["held"].acknowledgements == (HELD,)
        assert stood["quiet"].suppression == QUIET

    def test_everything_that_is_named_narrows_and_pages_follow_one_another(self, database: Database) -> None:
        with database.transaction() as conn:
            episodes.store(conn, [*lives(), step(episode="other", about=AlertKind.LOW_BATTERY, priority=Priority.LOW)])
        assert self.found(database, Wanted(patient_id=PatientId("p-held"))) == ["held"]
        assert self.found(database, Wanted(kind=AlertKind.LOW_BATTERY)) == ["other"]
        assert self.found(database, Wanted(priority=Priority.LOW)) == ["other"]
        assert self.found(database, Wanted(ward_ids=[WardId("east")])) == []
        assert self.found(database, Wanted(from_ms=at_ms(1), to_ms=at_ms(3))) == ["latched", "held"]
        first = self.found(database, Wanted(), limit=3)
        rest = self.found(database, Wanted(after=Cursor(at_ms(4), "ended")))
        assert (first, rest) == (["other", "unseen", "ended"], ["quiet", "latched", "held", "active"])
