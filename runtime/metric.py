"""What a metric is: one row of the table (`runtime.metrics_table`)."""

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """One label and where its bounded set of values comes from."""

    name: str
    values: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One row of the table."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[Label, ...] = ()
