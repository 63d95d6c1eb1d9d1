"""Metrics, liveness and readiness of one process, over HTTP by prometheus-client's own server."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from runtime.clock import SystemClock
from runtime.metrics_table import METRICS, Metric, MetricKind
from vitals.errors import ConfigurationError

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
LOOP_ANSWER_S_MAX = 5.0
"""An event loop that has not turned for this long is not alive."""
CLOSE_S_MAX = 0.05
"""How often the server looks whether it should close, or somebody keeps it waiting."""
CONNECTIONS_MAX = 32
"""At once; more are turned away. Who scrapes and who probes needs one each."""
REQUEST_S_MAX = 10.0
"""From the connection to its end; then it is cut off."""

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Telemetry:
    """Counts, observes and sets what `runtime.metrics_table.METRICS` declares; another name is a KeyError.

    Each instance has a registry of its own, so that tests and the one-process mode need no global.
    """

    def __init__(self, metrics: Iterable[Metric] = METRICS) -> None:
        self._registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in metrics:
            self._declare(metric)
        self._reasons: Mapping[str, str | None] = {}

    def count(self, name: str, n: float = 1, **labels: str) -> None:
        """Add `n` to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(n)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Put one measurement (seconds, unless the name says otherwise) into a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def ready(self, component: str) -> None:
        """`component` can do its work; a service declares each of its components once at start by `not_ready`."""
        self._judge(component, None)

    def not_ready(self, component: str, why: str) -> None:
        """`component` cannot do its work now; `why` is shown by /readyz."""
        self._judge(component, why)

    @property
    def is_ready(self) -> bool:
        """Whether components are declared and none of them is unready."""
        return bool(self._reasons) and all(why is None for why in self._reasons.values())

    @property
    def readiness(self) -> Mapping[str, str | None]:
        """Per component None where it is ready, otherwise why it is not."""
        return self._reasons

    def value(self, name: str, **labels: str) -> float:
        """The present value of a counter or gauge (0 where never touched), or a histogram's number of observations."""
        sample = f"{name}_count" if name in self._histograms else name
        if sample == name and name not in self._counters and name not in self._gauges:
            raise KeyError(name)
        found = self._registry.get_sample_value(sample, labels)
        return 0.0 if found is None else found

    def start_http(self, host: str, port: int, *, request_s: float = REQUEST_S_MAX) -> "TelemetryServer":
        """Serve /metrics, /healthz and /readyz from a thread; port 0 takes a free one.

        /healthz answers 503 when the event loop this was called in no longer turns. Raises ConfigurationError where
        the port is taken.
        """
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        try:
            server = make_server(
                host, port, self._application(loop), server_class=_BoundedServer, handler_class=_SilentHandler
            )
            server.request_s = request_s
        except OSError as error:
            raise ConfigurationError(
                f"Cannot serve telemetry on {host}:{port} ({error.strerror}); set another telemetry.port."
            ) from error
        return TelemetryServer(server)

    def _declare(self, metric: Metric) -> None:
        names = [label.name for label in metric.labels]
        match metric.kind:
            case MetricKind.COUNTER:
                self._counters[metric.name] = Counter(metric.name, metric.help, names, registry=self._registry)
            case MetricKind.GAUGE:
                self._gauges[metric.name] = Gauge(metric.name, metric.help, names, registry=self._registry)
            case MetricKind.HISTOGRAM:
                self._histograms[metric.name] = Histogram(
                    metric.name, metric.help, names, registry=self._registry, buckets=SECONDS_BUCKETS
                )

    def _judge(self, component: str, why: str | None) -> None:
        self._reasons = {**self._reasons, component: why}
        self.set("wardlight_process_ready", 0 if why is not None else 1, component=component)

    def _application(
        self, loop: asyncio.AbstractEventLoop | None
    ) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
        metrics = make_wsgi_app(self._registry)

        def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            match environ["PATH_INFO"]:
                case "/metrics":
                    page: Iterable[bytes] = metrics(environ, start_response)
                    return page
                case "/healthz":
                    alive = loop is None or _turns(loop)
                    return _answer(start_response, ok=alive, body={"alive": alive})
                case "/readyz":
                    ready, reasons = self.is_ready, self.readiness
                    return _answer(start_response, ok=ready, body={"ready": ready, "components": reasons})
                case _:
                    start_response("404 Not Found", [("Content-Type", "text/plain")])
                    return [b"Here are /metrics, /healthz and /readyz.\n"]

        return application


class TelemetryServer:
    """The HTTP server of one process, on daemon threads."""

    def __init__(self, server: "_BoundedServer") -> None:
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(CLOSE_S_MAX,), name="telemetry-http", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port in use."""
        return self._server.server_port

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _BoundedServer(ThreadingWSGIServer):
    """A thread a connection, of which there are only so many, each for only so long: nobody keeps probes out by being slow."""

    request_s = REQUEST_S_MAX

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        self._clock = SystemClock()
        self._began_s: dict[socket.socket, float] = {}
        self._turn = threading.Lock()
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        with self._turn:
            has_place = len(self._began_s) < CONNECTIONS_MAX
            if has_place:
                self._began_s[request] = self._clock.monotonic_s()
        if has_place:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as the base class has it
        with self._turn:
            self._began_s.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Between requests: whoever has had its time is cut off, and its thread ends by itself."""
        super().service_actions()
        until_s = self._clock.monotonic_s() - self.request_s
        with self._turn:
            late = [request for request, began_s in self._began_s.items() if began_s < until_s]
        for request in late:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Whoever is gone, or was cut off, is no news."""


class _SilentHandler(WSGIRequestHandler):
    """Scrapes are not news."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _turns(loop: asyncio.AbstractEventLoop) -> bool:
    turned = threading.Event()
    try:
        loop.call_soon_threadsafe(turned.set)
    except RuntimeError:
        return False
    return turned.wait(LOOP_ANSWER_S_MAX)


def _answer(start_response: StartResponse, *, ok: bool, body: Mapping[str, Any]) -> Iterable[bytes]:
    start_response("200 OK" if ok else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [json.dumps(body).encode() + b"\n"]
