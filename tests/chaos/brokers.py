"""A Kafka cluster of three: each a broker and a controller, every connection to any of them through the test's network."""

import json
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from runtime.blocking import Door
from tests.chaos.proxy import Network
from tests.support.kafka_server import KafkaServer
from tests.support.servers import missing

HEAP_MB = 320
_PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=DIRECT://127.0.0.1:{direct},CLIENT://127.0.0.1:{client},REPLICATION://127.0.0.1:{replication},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=DIRECT://127.0.0.1:{direct},CLIENT://127.0.0.1:{client_door},REPLICATION://127.0.0.1:{replication_door}
listener.security.protocol.map=DIRECT:PLAINTEXT,CLIENT:PLAINTEXT,REPLICATION:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=REPLICATION
log.dirs={directory}/log
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
replica.lag.time.max.ms=6000
replica.socket.timeout.ms=6000
offsets.topic.replication.factor=3
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=3
"""


class KafkaCluster:
    """Brokers by name, `kafka-1` and so on; killed, frozen and started again by their own ids."""

    def __init__(self, nodes: Sequence[KafkaServer], bootstrap: str) -> None:
        self.nodes = {f"kafka-{number}": node for number, node in enumerate(nodes, start=1)}
        self.bootstrap = bootstrap
        """Through the network, for services."""

    @property
    def direct(self) -> str:
        """Past the network, for whoever watches."""
        return ",".join(node.bootstrap for node in self.nodes.values())

    def controller(self) -> str:
        """The broker that leads the controllers' quorum, as the brokers last wrote down."""
        newest, leader = -1, 1
        for node in self.nodes.values():
            written = node.directory / "log" / "__cluster_metadata-0" / "quorum-state"
            try:
                state = json.loads(written.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if state["leaderId"] > 0 and state["leaderEpoch"] > newest:
                newest, leader = state["leaderEpoch"], state["leaderId"]
        return f"kafka-{leader}"

    def stop(self) -> None:
        """End every broker."""
        for node in self.nodes.values():
            node.kill()


async def start_brokers(network: Network, directory: Path, door: Door, *, count: int = 3) -> KafkaCluster:
    """A cluster that answers; with one broker it is a cluster of one."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            missing(f"{program} (for Apache Kafka)")
    numbers = range(1, count + 1)
    real = {
        number: dict(zip(("direct", "client", "replication", "controller"), _ports(4), strict=True))
        for number in numbers
    }
    doors = {
        number: {
            f"{name}_door": await network.door(f"kafka-{number}", real[number][name])
            for name in ("client", "replication", "controller")
        }
        for number in numbers
    }
    voters = ",".join(f"{number}@127.0.0.1:{doors[number]['controller_door']}" for number in numbers)
    nodes = []
    for number in numbers:
        home = directory / f"kafka-{number}"
        home.mkdir()
        text = _PROPERTIES.format(node=number, voters=voters, directory=home, **real[number], **doors[number])
        if count == 1:
            text = (
                text.replace("factor=3", "factor=1")
                .replace("min.isr=2", "min.isr=1")
                .replace("replicas=2", "replicas=1")
            )
        nodes.append(await door.run(_node, home, real[number]["direct"], text))
    for node in nodes:
        await door.run(node.launch)
    for node in nodes:
        await door.run(node.await_ready)
    return KafkaCluster(nodes, ",".join(f"127.0.0.1:{doors[number]['client_door']}" for number in numbers))


def _node(home: Path, port: int, properties: str) -> KafkaServer:
    return KafkaServer(home, port=port, properties=properties, heap_mb=HEAP_MB)


def _ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    taken = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return taken
