"""Who may do what with the log in Kafka: a principal for each service, with what its code reads, asks about and writes.

Reading and groups are the services' own constants; a test holds the writing against their source. Everything that is not
here is refused: the broker knows no access without an entry.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from alerts import delivery, ladder_runner, notifier
from alerts import worker as alerts
from dashboard import feed
from storage import recorder, stages
from stream import trainer
from stream import worker as stream
from vitals.topics import LogTopic as T


@dataclass(frozen=True, kw_only=True)
class Principal:
    """One service as Kafka knows it; `asks` are topics whose first and last offsets it compares without reading them."""

    name: str
    reads: frozenset[str] = frozenset()
    asks: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    makes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, order=True)
class Entry:
    """One line of Kafka's list: this principal may do this with this topic or group, or with the cluster."""

    principal: str
    operation: str
    resource: str
    name: str


def _topics(*topics: str) -> frozenset[str]:
    return frozenset(str(topic) for topic in topics)


PRINCIPALS: Final[Sequence[Principal]] = (
    Principal(name="ingest", writes=_topics(T.READINGS, T.REJECTED)),
    Principal(
        name="recorder", reads=_topics(*recorder.TOPICS), writes=_topics(T.READINGS), groups=frozenset({recorder.GROUP})
    ),
    Principal(
        name="stream",
        reads=_topics(T.READINGS),
        writes=_topics(T.ASSESSMENTS, T.TRAINING),
        groups=frozenset({stream.GROUP}),
    ),
    Principal(
        name="trainer",
        reads=_topics(*trainer.TOPICS),
        writes=_topics(T.TRAINING, T.MODELS, T.READINGS),
        groups=frozenset({trainer.GROUP}),
    ),
    Principal(
        name="alerts",
        reads=_topics(*alerts.TOPICS, *delivery.TOPICS, *ladder_runner.TOPICS, *notifier.TOPICS),
        asks=_topics(*stages.TOPICS),
        writes=_topics(T.ALERTS, T.COMMANDS, T.READINGS),
        groups=frozenset({alerts.GROUP, delivery.GROUP, ladder_runner.GROUP, notifier.GROUP}),
    ),
    Principal(
        name="dashboard",
        reads=_topics(*feed.TOPICS),
        asks=_topics(*stages.TOPICS),
        writes=_topics(T.READINGS, T.COMMANDS, T.LABELS, T.OUTCOMES),
    ),
    Principal(name="operator", reads=_topics(*T), makes=_topics(*T)),
)
"""The operator is whoever types commands on the server: it makes the topics, and reads them back into the database."""


def entries(principal: Principal, *, prefix: str = "") -> frozenset[Entry]:
    """What Kafka's list holds of this principal; `prefix` is `log.topic_prefix`. Reading and writing include describing."""
    topics = {
        "Read": principal.reads,
        "Describe": principal.asks - principal.reads - principal.writes,
        "Write": principal.writes,
        "Create": principal.makes,
    }
    found = {
        Entry(principal.name, operation, "topic", prefix + name)
        for operation, names in topics.items()
        for name in names
    }
    found |= {Entry(principal.name, "Read", "group", prefix + name) for name in principal.groups}
    if not principal.writes:
        # Every process has a producer; without this it could not even begin, and may write nothing with it.
        found.add(Entry(principal.name, "IdempotentWrite", "cluster", "kafka-cluster"))
    return frozenset(found)


def lines(found: Iterable[Entry]) -> Sequence[str]:
    """The entries as deploy/kafka-access.txt has them: `principal operation resource name`, in order."""
    return [f"{entry.principal} {entry.operation} {entry.resource} {entry.name}" for entry in sorted(found)]


def table(*, prefix: str = "") -> Sequence[str]:
    """Every line of every principal."""
    return lines(entry for principal in PRINCIPALS for entry in entries(principal, prefix=prefix))
