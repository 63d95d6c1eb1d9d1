"""The pages themselves: static files, no build step."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from dashboard.schemas import Level

STATIC = Path(__file__).parent / "static"

router = APIRouter(include_in_schema=False)
REVALIDATE = {"cache-control": "no-cache"}
"""Browsers keep pages and files, and ask about them each time."""


class Files(StaticFiles):
    """Static files that browsers keep but ask about each time, so that an upgrade is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(REVALIDATE)
        return response


@router.get("/")
async def ward_page() -> FileResponse:
    """The ward board."""
    return FileResponse(STATIC / "index.html", headers=REVALIDATE)


@router.get("/alerts")
async def alerts_page() -> FileResponse:
    """Alerts that are over and those that are not, each with its whole life; silences."""
    return FileResponse(STATIC / "alerts.html", headers=REVALIDATE)


@router.get("/seen")
async def seen_page() -> FileResponse:
    """Where a notification's link leads: one button. What it is about is not shown."""
    return FileResponse(STATIC / "seen.html", headers=REVALIDATE)


@router.get("/patients/{patient_id}")
async def patient_page(patient_id: Level) -> FileResponse:  # noqa: ARG001 - the page reads it from its address
    """One patient's page."""
    return FileResponse(STATIC / "patient.html", headers=REVALIDATE)
