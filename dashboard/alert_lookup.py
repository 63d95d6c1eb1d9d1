"""One alert by its id: as the live ward knows it, which may be before the database does; otherwise as it is stored."""

from dashboard.context import Context
from dashboard.episodes import EpisodeNow
from dashboard.records import episode_of, is_retold
from storage import episode_history, episodes
from storage.session import Connection
from vitals.alert import Transition
from vitals.errors import NotFound


async def find_alert(here: Context, episode_id: str) -> EpisodeNow:
    """The alert, open or ended, whoever it is about; raises NotFound."""
    known = here.feed.ward.episode(episode_id)
    return known if known is not None else await here.ask(_stored, episode_id)


def with_hands(conn: Connection, step: Transition) -> EpisodeNow:
    """An alert as its furthest stored step left it, with who acknowledged it."""
    return episode_of(step, episodes.transitions_of(conn, step.episode_id) if is_retold(step) else ())


def _stored(conn: Connection, episode_id: str) -> EpisodeNow:
    step = episode_history.standing(conn, [episode_id]).get(episode_id)
    if step is None:
        raise NotFound(f"There is no alert episode {episode_id}.")
    return with_hands(conn, step)
