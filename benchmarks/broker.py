"""Mosquitto for a benchmark, or one sentence that says which one was not measured without it."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measure import NotMeasured
from tests.support.mosquitto_server import MosquittoServer, mosquitto_program, running_mosquitto


@contextmanager
def mosquitto_for(bench: str) -> Iterator[MosquittoServer]:
    """A private, started broker; raises NotMeasured where this machine has none."""
    if mosquitto_program() is None:
        raise NotMeasured(f"No Mosquitto on this machine: {bench} was not measured; install it (Debian: mosquitto).")
    with running_mosquitto() as server:
        yield server
