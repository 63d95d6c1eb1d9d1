"""What the database holds of one boot of devices or one span of time, for holding against what devices know."""

from sqlalchemy import Connection, func, select

from storage import tables


def reading_ids_of_boot(conn: Connection, boot: str) -> list[str]:
    """Ids of all stored readings of this boot, whichever device; a scan of the whole table."""
    return list(conn.scalars(select(tables.readings.c.reading_id).where(tables.readings.c.boot == boot)))


def assessed_ids_of_boot(conn: Connection, boot: str) -> list[str]:
    """Ids of those of them that have an assessment."""
    readings, assessments = tables.readings, tables.assessments
    query = (
        select(assessments.c.reading_id)
        .join(readings, readings.c.reading_id == assessments.c.reading_id)
        .where(readings.c.boot == boot)
    )
    return list(conn.scalars(query))


def rejections_since(conn: Connection, received_at_ms: int) -> int:
    """How many messages were refused from this moment on."""
    rejections = tables.rejections
    query = select(func.count()).where(rejections.c.received_at_ms >= received_at_ms).select_from(rejections)
    return int(conn.scalar(query) or 0)


def episodes_since(conn: Connection, at_ms: int) -> tuple[int, int]:
    """How many episodes were raised, and how many resolved, from this event time on."""
    episodes = tables.episodes
    raised = select(func.count()).select_from(episodes).where(episodes.c.raised_at_ms >= at_ms)
    resolved = select(func.count()).select_from(episodes).where(episodes.c.resolved_at_ms >= at_ms)
    return int(conn.scalar(raised) or 0), int(conn.scalar(resolved) or 0)
