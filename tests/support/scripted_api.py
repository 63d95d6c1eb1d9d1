"""A loopback HTTP server that answers as scripted and remembers what it was asked: what the REST client meets, good and bad."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    parameters: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True)
class Answer:
    """One answer; `body` is sent as JSON, text as it is."""

    body: Any
    status: int = 200


@dataclass
class ScriptedApi:
    """Answers each request by `script`; `asked` is in order of arrival."""

    script: Callable[[Asked], Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted_api(script: Callable[[Asked], Answer]) -> Iterator[ScriptedApi]:
    """A server on a free port, gone afterwards."""
    api = ScriptedApi(script)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def do_PUT(self) -> None:
            self._answer("PUT")

        def do_DELETE(self) -> None:
            self._answer("DELETE")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Silent."""

        def _answer(self, method: str) -> None:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked = Asked(method, parts.path, parameters, json.loads(sent) if sent else None)
            api.asked.append(asked)
            answer = api.script(asked)
            text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
