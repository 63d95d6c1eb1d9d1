"""Whether a proxy that nobody named speaks for the browsers: then all of them share its address, and its lock-out."""

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.crowd import peer_of
from runtime.telemetry import Telemetry

log = structlog.get_logger()


class Forwarded:
    """ASGI middleware: counts requests that an address outside `trusted_proxies` says it passes on, and logs the first."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry
        self._is_told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = peer_of(scope)
        # The server in front has put the browser in the place of a proxy that is trusted.
        if peer is not None and scope["client"] == peer and "x-forwarded-for" in Headers(scope=scope):
            self._telemetry.count("wardlight_dashboard_forwarded_unbelieved_total")
            if not self._is_told:
                self._is_told = True
                log.warning(
                    "forwarded_by_an_address_not_trusted",
                    address=peer[0],
                    do="Where this is your proxy, name it in dashboard.trusted_proxies:"
                    " until then all its browsers count as one address, and are locked out together.",
                )
        await self._app(scope, receive, send)
