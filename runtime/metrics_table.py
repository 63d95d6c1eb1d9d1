"""Every metric Wardlight emits, in one table. docs/telemetry.md holds the same table; tests compare both ways.

Names are `wardlight_<room>_<what>_<unit>`, counters end in `_total`. A label's values come from a bounded set, named here:
patient, device and record ids are never labels.
"""

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


REJECTION_REASON = Label(name="reason", values="vitals.reading.RejectionReason")
WORKER = Label(name="worker", values="names of the consumer groups")
ERROR_CODE = Label(name="code", values="vitals.errors.ErrorCode")
COMPONENT = Label(name="component", values="components a service declares at start")

METRICS: tuple[Metric, ...] = (
    Metric(
        name="wardlight_process_ready",
        kind=MetricKind.GAUGE,
        help="1 while the component can do its work, 0 while it cannot.",
        labels=(COMPONENT,),
    ),
    Metric(
        name="wardlight_dashboard_browsers_count",
        kind=MetricKind.GAUGE,
        help="Live streams open to browsers now.",
    ),
    Metric(
        name="wardlight_dashboard_browsers_cut_off_total",
        kind=MetricKind.COUNTER,
        help="Browsers disconnected because they could not keep up; they come back to a fresh snapshot.",
    ),
    Metric(
        name="wardlight_dashboard_feed_restarts_total",
        kind=MetricKind.COUNTER,
        help="Times the live feed lost the log or the database and started again from a snapshot.",
        labels=(ERROR_CODE,),
    ),
    Metric(
        name="wardlight_dashboard_malformed_records_total",
        kind=MetricKind.COUNTER,
        help="Records of the log that the live feed could not read and skipped.",
    ),
)
