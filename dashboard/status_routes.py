"""How this dashboard is doing: for people, for load balancers, for the page's footer."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from dashboard.context import Context, Here
from dashboard.feed import TOPICS
from dashboard.schemas import FeedStatus, Ready, Status
from vitals.errors import Unavailable

router = APIRouter(tags=["status"])
health_router = APIRouter(tags=["status"])


@router.get("/status")
async def get_status(here: Here) -> Status:
    """Version, server time, and how far the live feed has read."""
    feed = here.feed
    clock = feed.clock_event()
    return Status(
        version=here.version,
        now_ms=here.clock.now_ms(),
        speed=here.clock.speed,
        feed=FeedStatus(
            live=clock["live"],
            not_live_since_ms=clock["not_live_since_ms"],
            why_not_live=clock["why_not_live"],
            positions={f"{place.topic}/{place.partition}": at for place, at in sorted(feed.positions.items())},
            behind_records=await _behind(here),
            patients=sum(1 for _ in feed.ward.listed()),
            browsers=here.fanout.browser_count,
        ),
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


async def _behind(here: Context) -> int | None:
    try:
        ends = await here.bus.ends(TOPICS)
    except Unavailable:
        return None
    return sum(max(0, end - here.feed.positions.get(place, 0)) for place, end in ends.items())
