"""What one look at a running house saw: memory, descriptors and threads of each process, lag, sizes on disk."""

import re
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import msgspec
import psycopg

_LAG = re.compile(r"^wardlight_runtime_worker_lag_records\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)
ANSWER_S_MAX = 10.0


class ProcessSample(msgspec.Struct, frozen=True, kw_only=True):
    """One process at one moment."""

    resident_bytes: int
    own_bytes: int
    """Anonymous memory: what it wrote itself, apart from files and libraries that others share."""
    descriptors: int
    threads: int
    cpu_s: float
    lag_records: float | None
    """Of its workers together; None where it has none or did not answer."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The house at one moment."""

    at_s: float
    """Since the sitting began."""
    at_ms: int
    load: float
    """Runnable processes of the machine over the last minute, others' work included."""
    receipted: int
    processes: Mapping[str, ProcessSample]
    database_bytes: int
    database_rows: int
    """Readings stored."""
    log_bytes: int


def process_sample(pid: int, *, telemetry_port: int | None) -> ProcessSample | None:
    """One process, by Linux's /proc; None where it is gone."""
    home = Path(f"/proc/{pid}")
    try:
        sizes = dict(_kilobytes(home / "smaps_rollup"))
        fields = (home / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        descriptors = sum(1 for _ in (home / "fd").iterdir())
    except OSError:
        return None
    return ProcessSample(
        resident_bytes=sizes["Rss"],
        own_bytes=sizes["Anonymous"],
        descriptors=descriptors,
        threads=int(fields[17]),
        cpu_s=(int(fields[11]) + int(fields[12])) / 100,
        lag_records=None if telemetry_port is None else lag_records(telemetry_port),
    )


def lag_records(port: int) -> float | None:
    """What the workers of the process whose telemetry is at `port` have not handled yet; None where it tells of none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=ANSWER_S_MAX) as answer:
            page = answer.read().decode()
    except OSError:
        return None
    found = [float(value) for value in _LAG.findall(page)]
    return sum(found) if found else None


def database_sizes(url: str) -> tuple[int, int]:
    """Bytes of the database on disk, and readings in it."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        found = conn.execute("SELECT pg_database_size(current_database()), (SELECT count(*) FROM readings)").fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def log_bytes(directory: Path) -> int:
    """Bytes that Kafka's records take: its segments, without indexes, which are made at their full size."""
    return sum(segment.stat().st_size for segment in directory.glob("*/*.log"))


def load() -> float:
    """The machine's load of the last minute."""
    return float(Path("/proc/loadavg").read_text(encoding="ascii").split()[0])


def _kilobytes(file: Path) -> list[tuple[str, int]]:
    lines = (line.split() for line in file.read_text(encoding="ascii").splitlines()[1:])
    return [(words[0].rstrip(":"), int(words[1]) * 1024) for words in lines if words[-1] == "kB"]
