"""How this Wardlight is doing: for people, for load balancers, for whatever watches from outside."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse

from dashboard.context import Context, Here
from dashboard.feed import TOPICS
from dashboard.flow import Seen
from dashboard.pages import REVALIDATE, STATIC
from dashboard.schemas import FeedStatus, Ready
from dashboard.status_schemas import (
    DatabaseStatus,
    DeedStatus,
    EscalationStatus,
    FlowStatus,
    LedgerStatus,
    LogStatus,
    PartitionStatus,
    StageStatus,
    Status,
    TopicStatus,
    VersionsStatus,
)
from storage.contacts import phone_book
from storage.escalation import unreached_since
from storage.migrate import head
from storage.operations import Deed, Done
from storage.reencryption import keys_fault
from storage.stages import STAGES, Stage
from storage.stages import faults as stage_faults
from vitals.errors import Unavailable

router = APIRouter(tags=["status"])
health_router = APIRouter(tags=["status"])
pages_router = APIRouter(include_in_schema=False)

_DAY_MS = 86_400_000
HEARTBEATS_MISSED_MAX = 4
"""A heartbeat older than so many of its intervals is missing."""


@pages_router.get("/status")
async def status_page() -> FileResponse:
    """The status page."""
    return FileResponse(STATIC / "status.html", headers=REVALIDATE)


@router.get("/status")
async def get_status(here: Here) -> Status:
    """Flow, lag, claims, versions and last deeds; `whole` is false, and `faults` says why, where a stage stands still."""
    now_ms = here.clock.now_ms()
    faults: dict[str, str] = {}
    seen: Seen | None = None
    try:
        seen = await here.flow.now()
    except Unavailable as error:
        faults["status"] = str(error)
    if here.feed.why_not_live is not None:
        faults["dashboard"] = here.feed.why_not_live
    if seen is not None:
        faults |= stage_faults(seen.stages)
        unreadable = await _keys_fault(here)
        if unreadable is not None:
            faults["keys"] = unreadable
        missing = heartbeat_fault(seen.look.facts.deeds, now_ms=now_ms, speed=here.clock.speed)
        if missing is not None:
            faults["heartbeat"] = missing
    return Status(
        version=here.version,
        now_ms=now_ms,
        speed=here.clock.speed,
        whole=not faults,
        faults=faults,
        feed=await _feed(here),
        flow=None if seen is None or seen.rates is None else FlowStatus(**seen.rates._asdict()),
        stages=[] if seen is None else [_stage(stage, seen) for stage in seen.stages],
        log=None if seen is None else _log(here, seen),
        database=None if seen is None else _database(seen),
        versions=_versions(here, seen),
        ledger=None if seen is None else _ledger(seen),
        escalation=None if seen is None else await _escalation(here, now_ms),
        deeds={} if seen is None else _deeds(seen.look.facts.deeds),
    )


@health_router.get("/healthz")
async def get_health() -> dict[str, bool]:
    """The event loop turns."""
    return {"alive": True}


@health_router.get("/readyz", responses={503: {"model": Ready}})
async def get_readiness(here: Here) -> JSONResponse:
    """Whether what the pages show is live."""
    ready = Ready(ready=here.feed.is_live, components={"dashboard.feed": here.feed.why_not_live})
    return JSONResponse(ready.model_dump(), status_code=200 if ready.ready else 503)


def heartbeat_fault(deeds: Mapping[Deed, Done], *, now_ms: int, speed: float) -> str | None:
    """Why the heartbeat cannot be believed; None while it is fresh."""
    beat = deeds.get(Deed.HEARTBEAT)
    if beat is None:
        return "No heartbeat was ever made: is the alert service running, and watchdog.enabled?"
    age_s = (now_ms - beat.at_ms) / 1000 / speed
    if age_s > HEARTBEATS_MISSED_MAX * float(beat.detail.get("every_s", 5.0)):
        return f"The last heartbeat is {age_s:.0f} s old."
    return None


async def _keys_fault(here: Context) -> str | None:
    try:
        return await here.ask(keys_fault)
    except Unavailable as error:
        return str(error)


async def _feed(here: Context) -> FeedStatus:
    feed = here.feed
    clock = feed.clock_event()
    return FeedStatus(
        live=clock["live"],
        not_live_since_ms=clock["not_live_since_ms"],
        why_not_live=clock["why_not_live"],
        positions={f"{place.topic}/{place.partition}": at for place, at in sorted(feed.positions.items())},
        behind_records=await _behind(here),
        patients=sum(1 for _ in feed.ward.listed()),
        browsers=here.fanout.browser_count,
    )


async def _behind(here: Context) -> int | None:
    try:
        ends = await here.bus.ends(TOPICS)
    except Unavailable:
        return None
    return sum(max(0, end - here.feed.positions.get(place, 0)) for place, end in ends.items())


def _stage(stage: Stage, seen: Seen) -> StageStatus:
    remembered = seen.look.facts.positions.get(stage.name, {})
    partitions = [
        PartitionStatus(
            topic=at.topic,
            partition=at.partition,
            position=remembered.get(at),
            end=end,
            behind_records=max(0, end - max(remembered.get(at, 0), seen.look.beginnings.get(at, 0))),
        )
        for at, end in sorted(seen.look.ends.items())
        if at.topic in STAGES[stage.name]
    ]
    return StageStatus(**stage._asdict(), claims=seen.look.facts.claims.get(stage.name, {}), partitions=partitions)


def _log(here: Context, seen: Seen) -> LogStatus:
    held: dict[str, list[int]] = {}
    for at, end in seen.look.ends.items():
        beginning = seen.look.beginnings.get(at, 0)
        counts = held.setdefault(at.topic, [0, 0])
        counts[0] += end - beginning
        counts[1] += beginning
    return LogStatus(
        partitions=here.bus.partition_count,
        topics=[TopicStatus(topic=topic, records=held[topic][0], trimmed=held[topic][1]) for topic in sorted(held)],
        begins_at_ms=seen.log_begins_at_ms,
    )


def _database(seen: Seen) -> DatabaseStatus:
    found = seen.look.facts
    return DatabaseStatus(kind=found.kind, size_bytes=found.size_bytes, schema_revision=found.schema)


def _ledger(seen: Seen) -> LedgerStatus:
    imbalances = seen.look.facts.imbalances
    return LedgerStatus(balanced=not imbalances, imbalances=imbalances)


async def _escalation(here: Context, now_ms: int) -> EscalationStatus | None:
    try:
        told_nobody = await here.ask(unreached_since, now_ms - _DAY_MS)
        phones = await here.ask(phone_book, now_ms)
    except Unavailable:
        return None
    return EscalationStatus(anybody_reachable=phones.has_destinations(), told_nobody_24h=told_nobody)


def _versions(here: Context, seen: Seen | None) -> VersionsStatus:
    try:
        river = version("river")
    except PackageNotFoundError:
        river = "not installed"
    return VersionsStatus(
        program=here.version,
        schema_expected=head(),
        python=platform.python_version(),
        river=river,
        pipelines={} if seen is None else seen.look.facts.pipelines,
    )


def _deeds(deeds: Mapping[Deed, Done]) -> dict[str, DeedStatus]:
    return {deed.value: DeedStatus(at_ms=done.at_ms, detail=dict(done.detail)) for deed, done in deeds.items()}
