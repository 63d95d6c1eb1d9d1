"""What else goes wrong: a full disk, a clock that jumps, garbage in the log, workers that come and go, credentials that expire."""

import json
import os
import random
import signal
from pathlib import Path

from runtime.bus import Outgoing
from runtime.kafka_bus import KafkaBus
from runtime.telemetry import Telemetry
from tests.chaos.cluster import FAKETIME, PASSWORD, ROLE, Cluster, write_accounts
from tests.chaos.faults import LONG_ENOUGH, Fault, Heal
from tests.chaos.faults.processes import Inject, start_postgres_again
from vitals import codec
from vitals.alert import Action, Command
from vitals.errors import Unavailable
from vitals.reading import DeviceId, PatientId, Reading
from vitals.sign import Sign
from vitals.topics import LogTopic

JUMP_S = 40
HOLD_S = 12.0
_LATE_S = HOLD_S + 75.0
_BLOCK_BYTES = 1024 * 1024
_STORM_ROUNDS = 3


async def _nothing(cluster: Cluster, chance: random.Random) -> Heal:
    """The control: whatever is found here is not a fault's doing."""

    async def heal() -> None:
        pass

    return heal


async def _fill_disk(cluster: Cluster, chance: random.Random) -> Heal:
    disk = cluster.disk
    if disk is None:
        raise Unavailable("A full disk needs a disk of its own, which only root may mount.")
    ballast = disk / "ballast"
    await cluster.door.run(_fill, ballast)

    async def heal() -> None:
        ballast.unlink()
        if not cluster.postgres_runs():
            await start_postgres_again(cluster)

    return heal


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        block = bytes(_BLOCK_BYTES)
        while len(block) > 0:
            try:
                file.write(block)
            except OSError:
                block = block[: len(block) // 2]


def _jump(name: str) -> Inject:
    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        if FAKETIME is None:
            raise Unavailable("A clock that jumps needs libfaketime: see scripts/set-up-servers.")
        cluster.clock_file(name).write_text(f"{chance.choice((-1, 1)) * JUMP_S:+d}s", encoding="ascii")

        async def heal() -> None:
            cluster.clock_file(name).write_text("+0s", encoding="ascii")

        return heal

    return inject


def garbage(chance: random.Random) -> list[bytes]:
    """Records as no producer of ours writes them."""
    whole = json.dumps(
        {"type": "reading", "reading_id": "x", "patient_id": 7, "signs": {"heart_rate": "fast"}}
    ).encode()
    nobody, device_id = PatientId("p\0"), DeviceId("w")
    return [
        b"",
        b"\x00",
        codec.encode(Reading("r\0", nobody, device_id, 1000, 1000, {Sign.SPO2: 10.0})),
        codec.encode(Command("c\0", nobody, "e\0", Action.ACKNOWLEDGE, "Kim\0", 1000)),
        chance.randbytes(200),
        whole,
        whole[:-9],
        b"[" * 5000,
        b'{"type": "nothing"}',
        b"null",
        b"\xff" * 100_000,
    ]


async def _poison(cluster: Cluster, chance: random.Random) -> Heal:
    bus = await KafkaBus.start(cluster.log_settings(), clock=cluster.clock, telemetry=Telemetry())
    try:
        for topic in LogTopic:
            keys = [f"poison-{number}".encode() for number in range(2 * bus.partition_count)]
            await bus.publish([Outgoing(topic.value, key, value) for key in keys for value in garbage(chance)])
    finally:
        await bus.close()
    return await _nothing(cluster, chance)


def _storm(room: str) -> Inject:
    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        name = f"{room}-2"
        second = cluster.add_service(name, room)
        try:
            for number in range(_STORM_ROUNDS):
                second.start()
                await cluster.clock.sleep(chance.uniform(4, 7))
                await cluster.door.run(second.kill if number % 2 else second.stop)
        finally:
            await cluster.door.run(second.kill)
            cluster.remove_service(name)
        return await _nothing(cluster, chance)

    return inject


async def _expire_sql(cluster: Cluster, chance: random.Random) -> Heal:
    await cluster.door.run(cluster.set_sql_password, "rotated")
    await cluster.door.run(cluster.end_sessions)

    async def heal() -> None:
        await cluster.door.run(cluster.set_sql_password, PASSWORD)

    return heal


async def _expire_mqtt(cluster: Cluster, chance: random.Random) -> Heal:
    async def accounts(password: str) -> None:
        await cluster.door.run(write_accounts, cluster.directory, {ROLE: password})
        os.kill(cluster.mosquitto.pid, signal.SIGHUP)

    await accounts("rotated")

    async def heal() -> None:
        await accounts(PASSWORD)

    return heal


NOTHING = Fault(name="nothing", what="nothing: the control", inject=_nothing, hold_s=1.0)
OTHERS = (
    Fault(
        name="disk-full",
        what=f"the disk under PostgreSQL is full for {HOLD_S:g} s",
        inject=_fill_disk,
        hold_s=HOLD_S,
        late_after_s=_LATE_S,
        course_max=2,
        enough=LONG_ENOUGH,
    ),
    *(
        Fault(
            name=f"clock-{name}",
            what=f"the clock of {name} jumps by {JUMP_S} s, forth or back, and {HOLD_S:g} s later it jumps back",
            inject=_jump(name),
            hold_s=HOLD_S,
            late_after_s=_LATE_S,
            course_max=3,
            enough=LONG_ENOUGH,
        )
        for name in ("ingest", "stream", "recorder", "alerts")
    ),
    Fault(
        name="poison",
        what="garbage straight into every partition of every Kafka topic",
        inject=_poison,
        hold_s=1.0,
    ),
    *(
        Fault(
            name=f"storm-{room}",
            what=f"a second {room} joins and leaves {_STORM_ROUNDS} times within 20 s, once by SIGKILL",
            inject=_storm(room),
            late_after_s=90.0,
            course_max=2,
            enough=LONG_ENOUGH,
        )
        for room in ("stream", "recorder", "alerts")
    ),
    Fault(
        name="sql-password",
        what=f"the services' PostgreSQL password is changed and their sessions are ended; healed after {HOLD_S:g} s",
        inject=_expire_sql,
        hold_s=HOLD_S,
        late_after_s=_LATE_S,
        course_max=3,
        enough=LONG_ENOUGH,
    ),
    Fault(
        name="mqtt-account",
        what=f"the services' Mosquitto password is changed and read anew; healed after {HOLD_S:g} s",
        inject=_expire_mqtt,
        hold_s=HOLD_S,
        late_after_s=_LATE_S,
        course_max=3,
        enough=LONG_ENOUGH,
    ),
)
