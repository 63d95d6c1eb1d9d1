"""Fuzzes what decodes bytes from outside, guided by coverage (Atheris): `make fuzz` for long, test_fuzz_payloads.py for a while.

In turn: a device's message, its topic, records of every log topic, a stored state, the text of a rulebook and of ladders,
times and ids. A decoder may refuse in its own words; any other exception, a value that is none, or a hang is a finding, and
is told as the bytes that repeat it.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["ingest", "vitals", "alerts", "stream.snapshot", "simulators.mapping"]):
    from alerts.ladder_file import read_ladders
    from alerts.rulebook import parse
    from alerts.rulebook_text import RulebookError
    from ingest.decoder import Decoded, DecoderLimits, decode
    from stream.pipeline import PipelineParameters
    from stream.snapshot import decode_snapshot
    from vitals import codec
    from vitals.alert import Command, Transition
    from vitals.assessment import Assessment
    from vitals.errors import InvalidArgument, MalformedRecord, SnapshotMismatch
    from vitals.reading import Origin, PatientId, Receipt, Rejection
    from vitals.sign import SIGN_FACTS, possible_high_of
    from vitals.topics import device_of, is_level

NOW_MS: Final = 1_767_225_600_000
LIMITS: Final = DecoderLimits(
    payload_bytes_max=4096, future_ms_max=120_000, age_ms_max=30 * 86_400_000, origins_allowed=frozenset(Origin)
)
TOPIC: Final = "wardlight/v1/devices/w1/readings"
PARAMETERS: Final = PipelineParameters()
SEEDS: Final = (
    b'\x00{"measured_at": 1767225600000, "signs": {"heart_rate_bpm": 70, "spo2_percent": 97.5}, "boot": "b", "sequence": 1}',
    b'\x00{"measured_at": "2026-01-01T00:00:00.123+01:00", "signs": {"consciousness_acvpu": "C"}, "origin": "replay"}',
    b"\x01wardlight/v1/devices/w1/readings",
    b'\x02{"type":"reading","reading_id":"r","patient_id":"p","device_id":"d","measured_at_ms":1,"received_at_ms":1,"signs":{}}',
    b'\x03{"type":"model","switch":1,"number":1,"hash":"h","at_ms":1,"by":"x","why":"y"}',
    b"\x04\x81\xa4seen\x80",
    b"\x05version: a\nlimits:\n  spo2_low: [85]\n",
    b"\x06ladders: []\nschedules:\n  - schedule_id: a\n",
)
"""The first byte says which decoder."""
_RECORDS: Final = (Assessment, Transition, Command, Rejection, Receipt)
_READERS: Final = (
    codec.decode_readings_record,
    codec.decode_training_record,
    codec.decode_models_record,
    codec.decode_outcomes_record,
)


def a_message(data: bytes) -> None:
    """What is accepted is finite, possible and of a moment that can be."""
    for of_child in (False, True):
        verdict = decode(TOPIC, data, received_at_ms=NOW_MS, limits=LIMITS, of_child=of_child)
        if isinstance(verdict, Decoded):
            assert verdict.signs
            for sign, value in verdict.signs.items():
                high = possible_high_of(sign, of_child=of_child)
                assert isfinite(value), (sign, value)
                assert SIGN_FACTS[sign].possible_low <= value <= high, (sign, value)
            assert verdict.measured_at_ms <= NOW_MS + LIMITS.future_ms_max
        else:
            assert verdict.detail
            assert len(verdict.device_id) <= 64


def a_topic(data: bytes) -> None:
    """Whatever device a topic names may stand in a topic."""
    topic = data.decode("utf-8", "surrogateescape")
    device = device_of(topic)
    assert device is None or (is_level(device) and not set(device) & set("+#/\0\n"))
    decode(topic, b"{}", received_at_ms=NOW_MS, limits=LIMITS)


def a_record(data: bytes) -> None:
    """A record, or refused as none."""
    for read in _READERS:
        _or_refused(lambda read=read: read(data), MalformedRecord)  # type: ignore[misc]


def another_record(data: bytes) -> None:
    """The same for the topics of one kind of record."""
    for record in _RECORDS:
        _or_refused(lambda record=record: codec.decode(record, data), MalformedRecord)  # type: ignore[misc]


def a_state(data: bytes) -> None:
    """A state, or refused as none."""
    for with_models in (False, True):
        _or_refused(
            lambda with_models=with_models: decode_snapshot(PatientId("p"), data, PARAMETERS, with_models=with_models),  # type: ignore[misc]
            SnapshotMismatch,
        )


def a_rulebook(data: bytes) -> None:
    """A rulebook, or the line that is wrong."""
    _or_refused(lambda: parse(data.decode("utf-8", "replace")), RulebookError, InvalidArgument)


def a_ladder_file(data: bytes) -> None:
    """Ladders, or the line that is wrong."""
    _or_refused(lambda: read_ladders(data.decode("utf-8", "replace")), RulebookError, InvalidArgument)


TARGETS: Final[Sequence[Callable[[bytes], None]]] = (
    a_message, a_topic, a_record, another_record, a_state, a_rulebook, a_ladder_file,
)  # fmt: skip


def one_input(data: bytes) -> None:
    """The first byte chooses the decoder, the rest is what it gets."""
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def _or_refused(read: Callable[[], object], *refusals: type[Exception]) -> None:
    with contextlib.suppress(*refusals):
        read()


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs for as long as asked and ends the process: 0 where nothing broke, else with the input that did, as base64."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.fuzz_payloads", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--corpus", type=Path, required=True, help="where what was found to reach new code is kept")
    said = parser.parse_args(arguments)
    said.corpus.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(SEEDS):
        (said.corpus / f"seed-{number}").write_bytes(each)
    options = [
        f"-seed={said.seed}", f"-max_total_time={said.seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048",
        "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={said.corpus.parent}/", str(said.corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
