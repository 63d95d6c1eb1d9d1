"""Links that fail: nothing passes between two parties for a while, or everything comes late, or connections are reset."""

import random
from collections.abc import Callable

from tests.chaos.cluster import Cluster
from tests.chaos.faults import LONG_ENOUGH, Fault, Heal
from tests.chaos.faults.processes import Inject
from tests.chaos.proxy import Condition

PARTITION_S = 15.0
DELAY_S = 0.4
SLOW_S = 0.15
_LATE_S = PARTITION_S + 75.0
Links = Callable[[Cluster, random.Random], list[tuple[str, str]]]


def _to(source: str, *targets: str) -> Links:
    return lambda _cluster, _chance: [(source, target) for target in targets]


def _to_kafka(source: str) -> Links:
    return lambda cluster, _chance: [(source, broker) for broker in cluster.kafka.nodes]


def _between_brokers(cluster: Cluster, chance: random.Random) -> list[tuple[str, str]]:
    """One broker alone, in both directions; clients reach all of them."""
    names = list(cluster.kafka.nodes)
    alone = chance.choice(names)
    return [link for other in names if other != alone for link in ((alone, other), (other, alone))]


def _everybody_to_sql(cluster: Cluster, chance: random.Random) -> list[tuple[str, str]]:
    return [(name, "sql") for name in cluster.services]


def _conditioned(links: Links, condition: Condition) -> Inject:
    async def inject(cluster: Cluster, chance: random.Random) -> Heal:
        cluster.network.change(links(cluster, chance), condition)

        async def heal() -> None:
            cluster.network.heal()

        return heal

    return inject


_PAIRS: tuple[tuple[str, str, Links], ...] = (
    ("devices-mqtt", "devices and Mosquitto", _to("devices", "mqtt")),
    ("ingest-mqtt", "ingest and Mosquitto", _to("ingest", "mqtt")),
    ("ingest-kafka", "ingest and Kafka", _to_kafka("ingest")),
    ("ingest-sql", "ingest and PostgreSQL", _to("ingest", "sql")),
    ("stream-kafka", "stream and Kafka", _to_kafka("stream")),
    ("stream-sql", "stream and PostgreSQL", _to("stream", "sql")),
    ("recorder-kafka", "recorder and Kafka", _to_kafka("recorder")),
    ("recorder-sql", "recorder and PostgreSQL", _to("recorder", "sql")),
    ("alerts-kafka", "alerts and Kafka", _to_kafka("alerts")),
    ("alerts-sql", "alerts and PostgreSQL", _to("alerts", "sql")),
    ("alerts-mqtt", "alerts and Mosquitto", _to("alerts", "mqtt")),
    ("brokers", "one Kafka broker and the other two", _between_brokers),
)


def _fault(name: str, what: str, inject: Inject) -> Fault:
    return Fault(
        name=name, what=what, inject=inject, hold_s=PARTITION_S, late_after_s=_LATE_S, course_max=3, enough=LONG_ENOUGH
    )


PARTITIONS = tuple(
    _fault(
        f"part-{name}",
        f"nothing passes between {what} for {PARTITION_S:g} s",
        _conditioned(links, Condition(is_held=True)),
    )
    for name, what, links in _PAIRS
)
CUTS = tuple(
    _fault(
        f"cut-{name}",
        f"every connection between {what} is reset for {PARTITION_S:g} s",
        _conditioned(links, Condition(is_cut=True)),
    )
    for name, what, links in _PAIRS
)
DELAYS = tuple(
    _fault(
        f"delay-{name}",
        f"{DELAY_S:g} s of delay each way between {what} for {PARTITION_S:g} s",
        _conditioned(links, Condition(delay_s=DELAY_S)),
    )
    for name, what, links in _PAIRS
)
SLOW_DATABASE = _fault(
    "slow-database",
    f"every answer of PostgreSQL takes {2 * SLOW_S:g} s longer for {PARTITION_S:g} s",
    _conditioned(_everybody_to_sql, Condition(delay_s=SLOW_S)),
)
