"""Every metric Wardlight emits, in one table. docs/telemetry.md holds the same table; tests compare both ways.

Names are `wardlight_<room>_<what>_<unit>`, counters end in `_total`. A label's values come from a bounded set, named here:
patient, device and record ids are never labels.
"""

from runtime.metric import Label, Metric, MetricKind
from runtime.metrics_alerts import ALERT_METRICS
from runtime.metrics_learning import LEARNING_METRICS

__all__ = ["METRICS", "Label", "Metric", "MetricKind"]

REJECTION_REASON = Label(name="reason", values="vitals.reading.RejectionReason")
WORKER = Label(name="worker", values="names of the consumer groups")
ERROR_CODE = Label(name="code", values="vitals.errors.ErrorCode")
COMPONENT = Label(name="component", values="components a service declares at start")
RECORDED_TABLE = Label(name="table", values="readings, assessments, rejections, labels, outcome_entries")
TRIMMED_TABLE = Label(name="table", values="storage.trimming.TABLES")
LOG_TOPIC = Label(name="topic", values="vitals.topics.LogTopic")
WITHHELD_CAUSE = Label(name="cause", values="vitals.quality.WithheldCause")
SNAPSHOT_FAULT = Label(name="fault", values="stream.patients.SnapshotFault")

AUDIT_ACTION = Label(name="action", values="storage.audit_chain.AuditAction")
LEDGER_KIND = Label(name="kind", values="storage.ledger.ImbalanceKind")

METRICS: tuple[Metric, ...] = (
    Metric(
        name="wardlight_process_ready",
        kind=MetricKind.GAUGE,
        help="1 while the component can do its work, 0 while it cannot.",
        labels=(COMPONENT,),
    ),
    Metric(
        name="wardlight_runtime_log_unavailable_total",
        kind=MetricKind.COUNTER,
        help="Times Kafka did not answer a publish or a question in time; whoever asked tries again.",
    ),
    Metric(
        name="wardlight_runtime_worker_lag_records",
        kind=MetricKind.GAUGE,
        help="Records of its partitions that the worker has not handled yet, told each ten seconds.",
        labels=(WORKER,),
    ),
    Metric(
        name="wardlight_ingest_received_total",
        kind=MetricKind.COUNTER,
        help="MQTT messages taken on the readings topic, redelivered ones included.",
    ),
    Metric(
        name="wardlight_ingest_redelivered_total",
        kind=MetricKind.COUNTER,
        help="Messages taken that the broker marked as sent before.",
    ),
    Metric(
        name="wardlight_ingest_accepted_total",
        kind=MetricKind.COUNTER,
        help="Readings that the log has confirmed.",
    ),
    Metric(
        name="wardlight_ingest_rejected_total",
        kind=MetricKind.COUNTER,
        help="Rejections that the log has confirmed: whole messages, or bad signs of an accepted one.",
        labels=(REJECTION_REASON,),
    ),
    Metric(
        name="wardlight_ingest_receipts_total",
        kind=MetricKind.COUNTER,
        help="Receipts (runs of sequences) that the broker took for devices.",
    ),
    Metric(
        name="wardlight_ingest_receipts_dropped_total",
        kind=MetricKind.COUNTER,
        help="Receipts given up: too many waited, or the broker refused them; their devices send again.",
    ),
    Metric(
        name="wardlight_ingest_held_messages",
        kind=MetricKind.GAUGE,
        help="Messages arrived and not yet acknowledged, now.",
    ),
    Metric(
        name="wardlight_ingest_held_messages_high_water",
        kind=MetricKind.GAUGE,
        help="The most messages held at once since the start.",
    ),
    Metric(
        name="wardlight_ingest_reading_paused",
        kind=MetricKind.GAUGE,
        help="1 while the MQTT socket is not read because too many messages are held.",
    ),
    Metric(
        name="wardlight_ingest_publish_seconds",
        kind=MetricKind.HISTOGRAM,
        help="Time from handing a batch to the log until its confirmation.",
    ),
    Metric(
        name="wardlight_ingest_log_outages_total",
        kind=MetricKind.COUNTER,
        help="Times the log stopped confirming.",
    ),
    Metric(
        name="wardlight_ingest_log_outage_seconds_total",
        kind=MetricKind.COUNTER,
        help="Time during which the log confirmed nothing, counted when it is over.",
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
        name="wardlight_dashboard_sign_ins_total",
        kind=MetricKind.COUNTER,
        help="Attempts to sign in or unlock with a password; many that are wrong or closed mean that somebody guesses.",
        labels=(Label(name="outcome", values="accepted, wrong, closed"),),
    ),
    Metric(
        name="wardlight_dashboard_forwarded_unbelieved_total",
        kind=MetricKind.COUNTER,
        help="Requests passed on by an address outside trusted_proxies: its browsers count as one, and are locked out together.",
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
    Metric(
        name="wardlight_dashboard_audit_entries_total",
        kind=MetricKind.COUNTER,
        help="Entries of the audit trail that this process has written.",
        labels=(AUDIT_ACTION,),
    ),
    Metric(
        name="wardlight_dashboard_audit_waiting_count",
        kind=MetricKind.GAUGE,
        help="Entries that wait for the database to take them.",
    ),
    Metric(
        name="wardlight_dashboard_audit_reads_refused_total",
        kind=MetricKind.COUNTER,
        help="Reads of patient data answered with 503 because they could not be put on record.",
    ),
    Metric(
        name="wardlight_dashboard_audit_entries_lost_total",
        kind=MetricKind.COUNTER,
        help="Entries given up because too many waited or the process ended; each stands in the service's log. Must stay 0.",
    ),
    Metric(
        name="wardlight_recorder_rows_stored_total",
        kind=MetricKind.COUNTER,
        help="Rows committed that were not there before.",
        labels=(RECORDED_TABLE,),
    ),
    Metric(
        name="wardlight_recorder_duplicates_total",
        kind=MetricKind.COUNTER,
        help="Records whose row was there already: redelivered by a device or replayed after a crash.",
        labels=(RECORDED_TABLE,),
    ),
    Metric(
        name="wardlight_recorder_records_skipped_total",
        kind=MetricKind.COUNTER,
        help="Records that are none of ours or cannot be stored; they stay in the log, at the position logged.",
        labels=(LOG_TOPIC,),
    ),
    Metric(
        name="wardlight_recorder_commit_seconds",
        kind=MetricKind.HISTOGRAM,
        help="How long the transaction of one batch took.",
    ),
    Metric(
        name="wardlight_recorder_reading_to_stored_seconds",
        kind=MetricKind.HISTOGRAM,
        help="From a reading's reception to its commit; of each batch the reading that waited longest.",
    ),
    Metric(
        name="wardlight_recorder_trimmed_rows_total",
        kind=MetricKind.COUNTER,
        help="Rows deleted because the retention policy says so.",
        labels=(TRIMMED_TABLE,),
    ),
    Metric(
        name="wardlight_recorder_ledger_imbalance_readings",
        kind=MetricKind.GAUGE,
        help="Readings of the last day that cannot be accounted for, settled. Must stay 0.",
        labels=(LEDGER_KIND,),
    ),
    Metric(
        name="wardlight_recorder_ledger_imbalanced_devices_count",
        kind=MetricKind.GAUGE,
        help="Devices whose account does not balance, settled.",
    ),
    Metric(
        name="wardlight_stream_assessed_readings_total",
        kind=MetricKind.COUNTER,
        help="Assessments made; one per distinct reading.",
    ),
    Metric(
        name="wardlight_stream_late_readings_total",
        kind=MetricKind.COUNTER,
        help="Assessed readings that came out of order or too long after they were measured.",
    ),
    Metric(
        name="wardlight_stream_flagged_readings_total",
        kind=MetricKind.COUNTER,
        help="Assessed readings whose anomaly score lay above the patient's own threshold.",
    ),
    Metric(
        name="wardlight_stream_withheld_values_total",
        kind=MetricKind.COUNTER,
        help="Values that the quality gate kept from the models, or only from what they learn; NEWS2 and limits took what was possible of them.",
        labels=(WITHHELD_CAUSE,),
    ),
    Metric(
        name="wardlight_stream_duplicate_readings_total",
        kind=MetricKind.COUNTER,
        help="Readings that were already assessed and changed nothing.",
    ),
    Metric(
        name="wardlight_stream_replayed_readings_total",
        kind=MetricKind.COUNTER,
        help="Readings passed over after a restore because the patient's snapshot already held them.",
    ),
    Metric(
        name="wardlight_stream_models_failed_total",
        kind=MetricKind.COUNTER,
        help="Times that a patient's models broke and were put aside; NEWS2 went on.",
    ),
    Metric(
        name="wardlight_stream_malformed_records_total",
        kind=MetricKind.COUNTER,
        help="Records of the log that could not be read and were passed over.",
    ),
    Metric(
        name="wardlight_stream_snapshots_total",
        kind=MetricKind.COUNTER,
        help="Patients' snapshots stored.",
    ),
    Metric(
        name="wardlight_stream_snapshots_refused_total",
        kind=MetricKind.COUNTER,
        help="Patients' snapshots not loaded, wholly or their models: wrong signature, other version, other shape.",
        labels=(SNAPSHOT_FAULT,),
    ),
    Metric(
        name="wardlight_stream_evicted_patients_total",
        kind=MetricKind.COUNTER,
        help="Patients whose models left memory for a snapshot.",
    ),
    Metric(
        name="wardlight_stream_forgotten_patients_total",
        kind=MetricKind.COUNTER,
        help="Patients whose snapshot was deleted, long after the end of their stay.",
    ),
    Metric(
        name="wardlight_stream_live_patients_count",
        kind=MetricKind.GAUGE,
        help="Patients whose models are in memory.",
    ),
    Metric(
        name="wardlight_stream_trimmed_records_total",
        kind=MetricKind.COUNTER,
        help="Records the log had dropped before they were assessed.",
    ),
    Metric(
        name="wardlight_stream_unremembered_records",
        kind=MetricKind.GAUGE,
        help="Records read beyond the remembered positions, when these were last stored: what a restart reads again.",
    ),
    Metric(
        name="wardlight_stream_remember_seconds",
        kind=MetricKind.HISTOGRAM,
        help="Time to store snapshots and positions.",
    ),
    *LEARNING_METRICS,
    *ALERT_METRICS,
)
