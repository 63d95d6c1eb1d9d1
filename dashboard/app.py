"""The web application: routes by resource behind one guard. Built from ready-made ports; starts nothing."""

from functools import cache

from fastapi import Depends, FastAPI
from starlette.routing import BaseRoute

from dashboard import (
    alert_orders,
    alert_routes,
    audit_routes,
    charting_routes,
    device_routes,
    escalation_routes,
    fhir_routes,
    ladder_routes,
    ledger_routes,
    live_routes,
    model_routes,
    notification_routes,
    oidc_routes,
    on_call_routes,
    outcome_routes,
    pages,
    patient_routes,
    people_routes,
    refusals,
    rejected_routes,
    reliability_routes,
    research_routes,
    rule_routes,
    sign_in_routes,
    silence_routes,
    status_routes,
    stay_routes,
    subscription_routes,
)
from dashboard.context import Context
from dashboard.crowd import Places
from dashboard.exports import Exports
from dashboard.forwarded import Forwarded
from dashboard.gate import Gate, check_mounts, ruled
from dashboard.guard import LOOPBACK_NAMES, Guard
from dashboard.schemas import ErrorBody
from dashboard.witness import Witness

API = "/api/v1"
_ERROR_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
_ERRORS: dict[int | str, dict[str, object]] = {
    401: {"content": _ERROR_CONTENT, "description": "Nobody known is behind the request."},
    403: {"content": _ERROR_CONTENT, "description": "Whoever asks may not, on this ward."},
    404: {"content": _ERROR_CONTENT, "description": "There is no such thing."},
    409: {"content": _ERROR_CONTENT, "description": "Contradicts what is already so."},
    422: {"content": _ERROR_CONTENT, "description": "Can never work; the sentence says why."},
    503: {"model": ErrorBody, "description": "The log, the database or a broker does not answer now; try again."},
}
"""One of them names the model, the others refer to it: a model given at every error of every route costs most of the start."""
_RESOURCES = (
    patient_routes,
    charting_routes,
    outcome_routes,
    alert_routes,
    alert_orders,
    silence_routes,
    rule_routes,
    escalation_routes,
    ladder_routes,
    on_call_routes,
    notification_routes,
    subscription_routes,
    device_routes,
    fhir_routes,
    rejected_routes,
    live_routes,
    status_routes,
    model_routes,
    reliability_routes,
    research_routes,
    audit_routes,
    ledger_routes,
    sign_in_routes,
    people_routes,
    stay_routes,
)


_RULED = (Depends(ruled),)


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """The same for every application; to analyse them takes most of the time of a start, so it is done once a process."""
    rooms = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, dependencies=_RULED)
    for resource in _RESOURCES:
        rooms.include_router(resource.router, prefix=API, responses=_ERRORS)
    rooms.include_router(status_routes.health_router)
    for room in (
        pages.router,
        sign_in_routes.pages_router,
        oidc_routes.router,
        people_routes.pages_router,
        stay_routes.pages_router,
        status_routes.pages_router,
        audit_routes.pages_router,
        ledger_routes.pages_router,
        reliability_routes.pages_router,
    ):
        rooms.include_router(room)
    return tuple(rooms.router.routes)


def create_app(context: Context) -> FastAPI:
    """The application over `context`; its OpenAPI description is at /api/v1/openapi.json."""
    app = FastAPI(
        title="Wardlight",
        version=context.version,
        description="Vital signs, alerts and history. Times are epoch milliseconds; RFC 3339 is understood too."
        " Not for sole reliance: notifications may fail.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=_RULED,
        routes=[*_routes()],
    )
    app.state.context = context
    refusals.install(app)
    app.mount("/static", pages.Files(directory=pages.STATIC), name="static")
    check_mounts(app)
    exports = Exports(context.clock, context.settings.audit_export_span_ms)
    app.add_middleware(Gate, identify=context.sessions.identify, locate=context.locate, exports=exports)
    app.add_middleware(Witness, context=context)
    hosts = LOOPBACK_NAMES | {name.lower() for name in context.settings.allowed_hosts}
    settings = context.settings
    is_tls = settings.tls_cert_file is not None
    app.add_middleware(
        Places,
        identify=context.sessions.identify,
        requests_max=settings.requests_max,
        kept=round(settings.requests_max * settings.requests_kept_share),
    )
    app.add_middleware(
        Guard, hosts=hosts, body_bytes_max=settings.body_bytes_max, body_s=settings.body_s, is_tls=is_tls
    )
    app.add_middleware(Forwarded, telemetry=context.telemetry)
    return app
