"""Processes that die (SIGKILL) or sit still and do not know it (SIGSTOP): every service, every broker, the database."""

import os
import random
import signal
from collections.abc import Awaitable, Callable

import psycopg

from tests.chaos.cluster import ROOMS, Cluster
from tests.chaos.faults import LONG_ENOUGH, Fault, Heal

BACK_AFTER_S = 1.0
FREEZE_S = 15.0
"""Beyond the log's sessions (10 s), so that others have taken over, or the group has given the worker up."""
_SERVER_LATE_S = 90.0
_FREEZE_LATE_S = FREEZE_S + 75.0
_ATTEMPTS_MAX = 60
Inject = Callable[[Cluster, random.Random], Awaitable[Heal]]


def _kill_service(name: str) -> Inject:
    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        service = cluster.services[name]
        await cluster.door.run(service.kill)

        async def heal() -> None:
            service.start()

        return heal

    return inject


def _freeze_service(name: str) -> Inject:
    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        pid = cluster.services[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

        async def heal() -> None:
            os.kill(pid, signal.SIGCONT)

        return heal

    return inject


def _broker(cluster: Cluster, chance: random.Random, *, controller: bool) -> str:
    leader = cluster.kafka.controller()
    others = [name for name in cluster.kafka.nodes if name != leader]
    return leader if controller or not others else chance.choice(others)


def _kill_broker(*, controller: bool) -> Inject:
    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        node = cluster.kafka.nodes[_broker(cluster, chance, controller=controller)]
        await cluster.door.run(node.kill)

        async def heal() -> None:
            await cluster.door.run(node.start)

        return heal

    return inject


def _freeze_broker(*, controller: bool) -> Inject:
    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        pid = cluster.kafka.nodes[_broker(cluster, chance, controller=controller)].pid
        os.kill(pid, signal.SIGSTOP)

        async def heal() -> None:
            os.kill(pid, signal.SIGCONT)

        return heal

    return inject


async def _kill_mosquitto(cluster: Cluster, chance: random.Random) -> Heal:
    await cluster.door.run(cluster.mosquitto.kill)

    async def heal() -> None:
        await cluster.door.run(cluster.mosquitto.start)

    return heal


async def _freeze_mosquitto(cluster: Cluster, chance: random.Random) -> Heal:
    cluster.mosquitto.freeze()

    async def heal() -> None:
        cluster.mosquitto.thaw()

    return heal


async def _kill_postgres(cluster: Cluster, chance: random.Random) -> Heal:
    cluster.signal_postgres(signal.SIGKILL)

    async def heal() -> None:
        await start_postgres_again(cluster)

    return heal


async def _freeze_postgres(cluster: Cluster, chance: random.Random) -> Heal:
    cluster.signal_postgres(signal.SIGSTOP)

    async def heal() -> None:
        cluster.signal_postgres(signal.SIGCONT)

    return heal


async def start_postgres_again(cluster: Cluster) -> None:
    """After its death; the system may hold its shared memory a moment longer."""
    for _ in range(_ATTEMPTS_MAX):
        try:
            await cluster.door.run(cluster.postgres.start_again)
        except (RuntimeError, psycopg.OperationalError):
            await cluster.clock.sleep(0.5)
        else:
            return
    raise RuntimeError("PostgreSQL did not start again.")


def _kill(name: str, what: str, inject: Inject, *, late_after_s: float = 60.0) -> Fault:
    said = f"SIGKILL of {what}, started again after {BACK_AFTER_S:g} s"
    return Fault(name=f"kill-{name}", what=said, inject=inject, hold_s=BACK_AFTER_S, late_after_s=late_after_s)


def _freeze(name: str, what: str, inject: Inject) -> Fault:
    return Fault(
        name=f"freeze-{name}",
        what=f"SIGSTOP of {what} for {FREEZE_S:g} s",
        inject=inject,
        hold_s=FREEZE_S,
        late_after_s=_FREEZE_LATE_S,
        course_max=3,
        enough=LONG_ENOUGH,
    )


KILLS = (
    *(_kill(name, name, _kill_service(name)) for name in ROOMS),
    _kill("mosquitto", "Mosquitto", _kill_mosquitto),
    _kill("postgres", "PostgreSQL, every process of it", _kill_postgres, late_after_s=_SERVER_LATE_S),
    _kill(
        "broker",
        "a Kafka broker that leads a third of all partitions",
        _kill_broker(controller=False),
        late_after_s=_SERVER_LATE_S,
    ),
    _kill(
        "controller",
        "the Kafka broker that is the active controller",
        _kill_broker(controller=True),
        late_after_s=_SERVER_LATE_S,
    ),
)
FREEZES = (
    *(_freeze(name, name, _freeze_service(name)) for name in ROOMS),
    _freeze("mosquitto", "Mosquitto", _freeze_mosquitto),
    _freeze("postgres", "PostgreSQL, every process of it", _freeze_postgres),
    _freeze("broker", "a Kafka broker that leads a third of all partitions", _freeze_broker(controller=False)),
    _freeze("controller", "the Kafka broker that is the active controller", _freeze_broker(controller=True)),
)
