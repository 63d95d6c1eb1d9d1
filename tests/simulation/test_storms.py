"""Wards in storms, each decided by one seed: a few of them here, `make simulate` runs them by the thousand.

Every checker is seen to complain of a ward that was tampered with.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from alerts.worker import AlertsHandler
from runtime.bus import Outgoing
from runtime.local_tail import Tail
from runtime.virtual_loop import run_virtual
from stream.worker import StreamHandler
from tests.support.memory_mqtt import Faults
from tests.support.storm_campaign import Results, SeedResult, code_hash, due_seeds, run_seed, run_storm
from tests.support.storm_checkers import EVERY_SECOND
from tests.support.storm_plan import Excursion, Mishap, Storm, StormBounds, storm_of
from tests.support.storm_rest import AT_REST
from tests.support.storm_ward import Checker, StormFailed, StormOutcome, StormWard
from vitals.alert import AlertKind
from vitals.assessment import Assessment
from vitals.codec import decode, encode
from vitals.reading import Receipt
from vitals.sign import Sign
from vitals.topics import LogTopic, accepted_topic, alert_topic

SEEDS = range(1, 21)
"""Of each commit; about a second each."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ward_keeps_its_promises_in_the_storm_of_a_seed(seed: int) -> None:
    print(f"seed {seed}; again by: make simulate SEED={seed}")
    outcome = run_storm(seed)
    assert outcome.readings > 0


def test_a_seed_replays_exactly_whatever_process_runs_it() -> None:
    here = run_seed(5, "now")
    script = "from tests.support.storm_campaign import run_seed; print(run_seed(5, 'now').trace)"
    elsewhere = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": "."},
        capture_output=True,
        check=True,
        text=True,
    )
    assert here.clean
    assert elsewhere.stdout.split()[-1] == here.trace


def test_plans_are_bounded_and_hold_everything_that_can_go_wrong() -> None:
    bounds = StormBounds()
    storms = [storm_of(seed) for seed in range(150)]
    assert storms[7] == storm_of(7)
    assert {trouble.mishap for storm in storms for trouble in storm.troubles} == set(Mishap)
    for storm in storms:
        assert 1 <= len(storm.beds) <= bounds.beds_max
        assert len(storm.troubles) <= bounds.mishaps_max
        assert all(trouble.for_s <= bounds.outage_s_max for trouble in storm.troubles)
        assert all(abs(device.clock_ms(bounds.seconds_max)) < 60_000 for device in storm.devices)


def calm() -> Storm:
    """A ward of one bed in which nothing goes wrong but the patient, whose saturation falls in the fourth second."""
    storm = storm_of(1)
    bed, device = storm.beds[0], storm.devices[0]
    return replace(
        storm,
        seconds=24,
        partitions=1,
        beds=(bed,),
        devices=(replace(device, interval_s=1.0, phase_s=0.5, offset_ms=0, drift=0, jumps=(), away=(), until_s=20),),
        excursions=((bed[0], Excursion(Sign.SPO2, 55.0, 4.0, 60.0)),),
        services=("ingest", "stream", "recorder", "alerts", "dashboard", "alert-delivery"),
        pace=replace(storm.pace, tail_records_max=1, records_max=500, poll_s=0.1, commit_s=0.1, in_flight_max=20),
        network=Faults(),
        troubles=(),
        nurse_every_s=0,
        moves=(),
        charted=(),
        silenced=(),
    )


def simulate(
    sabotage: Callable[[StormWard], None] | None = None, *, second: int = 8, only: str | None = None
) -> StormOutcome:
    checkers: dict[str, Checker] = {name: check for name, check in AT_REST.items() if only in (None, name)}

    async def run() -> StormOutcome:
        ward = StormWard(
            calm(),
            every_second={name: check for name, check in EVERY_SECOND.items() if name in checkers},
            at_rest=checkers,
            sabotage={} if sabotage is None else {second: sabotage},
        )
        return await ward.run()

    return run_virtual(run())


def test_a_calm_ward_alarms_once_and_is_clean() -> None:
    outcome = simulate()
    assert (outcome.readings, outcome.episodes, outcome.deaths) == (20, 1, 6)
    assert outcome.demands >= 10


def complains(checker: str, sabotage: Callable[[StormWard], None], *, second: int = 8, alone: bool = False) -> None:
    with pytest.raises(StormFailed) as failed:
        simulate(sabotage, second=second, only=checker if alone else None)
    assert failed.value.checker == checker, str(failed.value)


def publish(ward: StormWard, topic: LogTopic, value: bytes) -> None:
    record = Outgoing(topic.value, ward.storm.beds[0][0].encode(), value)
    ward.kept = asyncio.ensure_future(ward.bus.publish([record]))  # type: ignore[attr-defined]


def test_a_receipt_before_the_log_has_the_reading_is_seen() -> None:
    def vouch(ward: StormWard) -> None:
        device = ward.fleet.devices[0]
        ward.broker._faults = Faults(lose=1.0)
        device.measure(ward.clock.now_ms(), {"temperature_celsius": 37.0})
        ward.fleet.links.offer(device)
        sequence = device.outbox.next_sequence - 1
        receipt = Receipt(boot=device.boot, from_sequence=sequence, through_sequence=sequence)
        ward.broker.publish(accepted_topic(device.device_id), encode(receipt), retain=True)

    complains("no reading is receipted and lost", vouch)


def test_a_second_open_episode_is_seen() -> None:
    def double(ward: StormWard) -> None:
        (first, *_) = next(iter(ward.log.steps.values()))
        publish(ward, LogTopic.ALERTS, encode(msgspec.structs.replace(first, episode_id="x", transition_id="x-1")))

    complains("one open episode per patient and kind", double)


def test_an_alert_that_does_not_come_is_seen() -> None:
    def deafen(ward: StormWard) -> None:
        process = ward.services.process("alerts")
        assert process is not None
        assert process.worker is not None
        engine = process.worker._handler
        assert isinstance(engine, AlertsHandler)
        engine._step = lambda *_: ()  # type: ignore[method-assign]

    complains("each breach is alarmed in time", deafen, second=2)


def test_an_alert_without_ground_is_seen() -> None:
    def invent(ward: StormWard) -> None:
        (first, *_) = next(iter(ward.log.steps.values()))
        made_up = msgspec.structs.replace(first, kind="heart-rate-low", episode_id="y", transition_id="y-1")
        publish(ward, LogTopic.ALERTS, encode(made_up))

    complains("each breach is alarmed in time", invent)


def test_a_score_that_is_said_differently_is_seen() -> None:
    def alter(ward: StormWard) -> None:
        (body,) = next(iter(ward.log.bodies.values()))
        said = msgspec.structs.replace(decode(Assessment, body), model_version="another")
        publish(ward, LogTopic.ASSESSMENTS, encode(said))

    complains("restored scores equal undisturbed ones", alter)


def test_a_scorer_that_forgot_is_seen() -> None:
    def forget(ward: StormWard) -> None:
        process = ward.services.process("stream")
        assert process is not None
        assert process.worker is not None
        scorer = process.worker._handler
        assert isinstance(scorer, StreamHandler)
        scorer.patients.live.clear()
        scorer.patients.waiting.clear()

    complains("restored scores equal undisturbed ones, afresh", forget)


def test_a_queue_that_grows_is_seen() -> None:
    def unbind(ward: StormWard) -> None:
        for place in ward.bus._tails:
            ward.bus._tails[place] = Tail(records_max=10**6, bytes_max=10**9)

    complains("memory is bounded", unbind)


def test_a_value_that_is_stored_wrongly_is_seen() -> None:
    def falsify(ward: StormWard) -> None:
        with ward.database.transaction() as conn:
            conn.exec_driver_sql("UPDATE readings SET spo2_percent = 99 WHERE spo2_percent = 55")

    complains("no reading is lost, doubled or made up", falsify, second=22)


def test_an_engine_that_judges_otherwise_than_a_replay_is_seen() -> None:
    def lose(ward: StormWard) -> None:
        ward.log.records[:] = [record for record in ward.log.records if record.topic != LogTopic.READINGS]

    complains("replay equals live", lose, second=23, alone=True)


def test_a_screen_that_misses_an_alert_is_seen() -> None:
    def overlook(ward: StormWard) -> None:
        process = ward.services.process("dashboard")
        assert process is not None
        assert process.feed is not None
        for patient in process.feed.ward.patients.values():
            patient.episodes.open.clear()

    complains("the screen equals storage", overlook, second=23)


def test_a_retained_alert_that_is_over_is_seen() -> None:
    def leave(ward: StormWard) -> None:
        (first, *_) = next(iter(ward.log.steps.values()))
        ward.broker.retained[alert_topic(first.ward_id, first.patient_id, AlertKind.SPO2_LOST)] = encode(first)

    complains("subscribers see what storage holds", leave, second=23)


def test_a_sitting_goes_on_where_the_last_one_was_cut_off(tmp_path: Path) -> None:
    results = Results(tmp_path / "build" / "simulate.jsonl")
    assert results.clean_seeds("now") == set()
    for seed, code, clean in ((1, "now", True), (2, "now", False), (3, "before", True)):
        results.append(SeedResult(seed=seed, code=code, clean=clean))
    with results.path.open("ab") as file:
        file.write(b'{"seed": 4, "co')

    assert due_seeds(1, 4, results.clean_seeds("now")) == [2, 3, 4]


def test_the_name_of_the_code_changes_with_it(tmp_path: Path) -> None:
    room = tmp_path / "alerts"
    room.mkdir()
    (room / "engine.py").write_text("LIMIT = 1\n")
    before = code_hash(tmp_path)
    (room / "engine.py").write_text("LIMIT = 2\n")

    assert code_hash(tmp_path) != before
