"""The metrics of room alerts; part of the table (`runtime.metrics_table`)."""

from runtime.metric import Label, Metric, MetricKind

ALERT_OUTCOME = Label(name="outcome", values="alerts.casebook.Outcome")
ALERT_KIND = Label(name="kind", values="vitals.alert.AlertKind")
STAGE = Label(name="stage", values="ingest, and storage.stages.STAGES")
TRANSITION_KIND = Label(name="transition", values="vitals.alert.TransitionKind")
TRANSITION_REASON = Label(name="reason", values="vitals.alert.Reason")
COMMAND_REFUSAL = Label(name="refusal", values="alerts.response.Refusal")
BOOK_SOURCE = Label(name="source", values="storage.rulebooks.BookSource, stored")
CHANNEL = Label(name="channel", values="vitals.notification.Channel")
DELIVERY_FAULT = Label(name="code", values="vitals.notification.DeliveryFault, none")
LOG_TOPIC = Label(name="topic", values="vitals.topics.LogTopic")

ALERT_METRICS: tuple[Metric, ...] = (
    Metric(
        name="wardlight_alerts_transitions_total",
        kind=MetricKind.COUNTER,
        help="Steps of alert episodes; those that a replay repeats are counted again.",
        labels=(ALERT_KIND, TRANSITION_KIND, TRANSITION_REASON),
    ),
    Metric(
        name="wardlight_alerts_suppressed_total",
        kind=MetricKind.COUNTER,
        help="Steps that would have told somebody, kept quiet by a silence, a technical alert or another alert.",
        labels=(ALERT_KIND, TRANSITION_REASON),
    ),
    Metric(
        name="wardlight_alerts_records_total",
        kind=MetricKind.COUNTER,
        help="Readings, assessments and commands that stepped no machine, or were obeyed.",
        labels=(ALERT_OUTCOME,),
    ),
    Metric(
        name="wardlight_alerts_commands_refused_total",
        kind=MetricKind.COUNTER,
        help="Commands that changed nothing.",
        labels=(COMMAND_REFUSAL,),
    ),
    Metric(
        name="wardlight_alerts_malformed_records_total",
        kind=MetricKind.COUNTER,
        help="Records of the log that could not be read and were passed over.",
        labels=(LOG_TOPIC,),
    ),
    Metric(
        name="wardlight_alerts_trimmed_records_total",
        kind=MetricKind.COUNTER,
        help="Records the log had dropped before they were judged.",
    ),
    Metric(
        name="wardlight_alerts_states_refused_total",
        kind=MetricKind.COUNTER,
        help="Patients whose stored alert state was not loaded (signature or version); open episodes were taken over from SQL.",
    ),
    Metric(
        name="wardlight_alerts_forgotten_patients_total",
        kind=MetricKind.COUNTER,
        help="Patients whose alert state was deleted long after their stay.",
    ),
    Metric(
        name="wardlight_alerts_evicted_patients_total",
        kind=MetricKind.COUNTER,
        help="Patients forgotten because a partition held patients_per_partition_max: raise it.",
    ),
    Metric(
        name="wardlight_alerts_rulebooks_refused_total",
        kind=MetricKind.COUNTER,
        help="Rulebooks that were not taken; the one in force goes on.",
        labels=(BOOK_SOURCE,),
    ),
    Metric(
        name="wardlight_alerts_rules_file_refused",
        kind=MetricKind.GAUGE,
        help="1 while what alerts.rules_file holds cannot be taken.",
    ),
    Metric(
        name="wardlight_alerts_remember_seconds",
        kind=MetricKind.HISTOGRAM,
        help="Time to store transitions, or transitions, states and positions.",
    ),
    Metric(
        name="wardlight_alerts_reading_to_alert_seconds",
        kind=MetricKind.HISTOGRAM,
        help="From the reception of the reading that raised an alert to the decision to raise it.",
    ),
    Metric(
        name="wardlight_alerts_corrections_total",
        kind=MetricKind.COUNTER,
        help="Corrections carried out, repetitions included.",
    ),
    Metric(
        name="wardlight_alerts_corrections_waiting_count",
        kind=MetricKind.GAUGE,
        help="Corrections ordered and not carried out yet.",
    ),
    Metric(
        name="wardlight_alerts_delivered_total",
        kind=MetricKind.COUNTER,
        help="Transitions that the MQTT broker took.",
    ),
    Metric(
        name="wardlight_alerts_heartbeats_total",
        kind=MetricKind.COUNTER,
        help="Heartbeats published: every stage of the path moved.",
    ),
    Metric(
        name="wardlight_alerts_pings_failed_total",
        kind=MetricKind.COUNTER,
        help="Pings that the address outside did not answer.",
    ),
    Metric(
        name="wardlight_alerts_path_whole",
        kind=MetricKind.GAUGE,
        help="1 while the watchdog saw every stage move in its last round, 0 while it did not.",
    ),
    Metric(
        name="wardlight_alerts_ladder_steps_total",
        kind=MetricKind.COUNTER,
        help="Steps of escalation taken, by why, and by whether anybody beyond the screens could be told.",
        labels=(
            Label(name="evidence", values="vitals.escalation.Evidence"),
            Label(name="reached", values="vitals.escalation.Reached"),
        ),
    ),
    Metric(
        name="wardlight_alerts_ladder_late_seconds",
        kind=MetricKind.HISTOGRAM,
        help="How long after its time a step of escalation was taken.",
    ),
    Metric(
        name="wardlight_alerts_ladder_failures_total",
        kind=MetricKind.COUNTER,
        help="Times that steps of escalation could not be taken for a reason that nobody foresaw. Must stay 0.",
    ),
    Metric(
        name="wardlight_alerts_ladder_ends_forgotten_total",
        kind=MetricKind.COUNTER,
        help="Ends of alerts heard from the log and forgotten before the database had them, because too many waited. Must stay 0.",
    ),
    Metric(
        name="wardlight_alerts_ladder_climbing_count",
        kind=MetricKind.GAUGE,
        help="Open alerts that nobody has in hand yet and that have steps before them.",
    ),
    Metric(
        name="wardlight_alerts_stage_behind_seconds",
        kind=MetricKind.GAUGE,
        help="For how long the oldest record that the stage has not remembered as handled has been seen in the log; for ingest the age of the newest probe that came back.",
        labels=(STAGE,),
    ),
    Metric(
        name="wardlight_alerts_notification_events_total",
        kind=MetricKind.COUNTER,
        help="Alerts counted as events of subscriptions.",
    ),
    Metric(
        name="wardlight_alerts_notifications_withheld_total",
        kind=MetricKind.COUNTER,
        help="Events counted and kept, and not sent.",
        labels=(Label(name="reason", values="vitals.notification.Withheld"),),
    ),
    Metric(
        name="wardlight_alerts_notifications_queued_total",
        kind=MetricKind.COUNTER,
        help="Deliveries put into the outbox for subscriptions; those of escalation steps are counted as steps.",
    ),
    Metric(
        name="wardlight_alerts_notifications_sent_total",
        kind=MetricKind.COUNTER,
        help="Notifications that a destination accepted.",
        labels=(CHANNEL, Label(name="kind", values="vitals.notification.NotificationKind")),
    ),
    Metric(
        name="wardlight_alerts_notifications_grouped_total",
        kind=MetricKind.COUNTER,
        help="Alerts that went along in the notification of another one: what grouping spared people.",
    ),
    Metric(
        name="wardlight_alerts_notification_failures_total",
        kind=MetricKind.COUNTER,
        help="Attempts to send that failed; most are made again.",
        labels=(CHANNEL, DELIVERY_FAULT),
    ),
    Metric(
        name="wardlight_alerts_lane_failures_total",
        kind=MetricKind.COUNTER,
        help="Times that sending to a destination stopped for a reason that nobody foresaw, to be tried again. Must stay 0.",
    ),
    Metric(
        name="wardlight_alerts_deliveries_given_up_total",
        kind=MetricKind.COUNTER,
        help="Deliveries that nobody accepted: refused for good, or tried until their time was up.",
        labels=(Label(name="state", values="failed, expired"), DELIVERY_FAULT),
    ),
    Metric(
        name="wardlight_alerts_heard_to_accepted_seconds",
        kind=MetricKind.HISTOGRAM,
        help="From the reception of what caused an alert to its notification's being accepted; of a group, of its oldest.",
        labels=(Label(name="priority", values="vitals.alert.Priority"),),
    ),
    Metric(
        name="wardlight_alerts_notifications_waiting_count",
        kind=MetricKind.GAUGE,
        help="Deliveries in the outbox, whatever they wait for.",
    ),
    Metric(
        name="wardlight_alerts_notifications_oldest_seconds",
        kind=MetricKind.GAUGE,
        help="For how long the oldest delivery in the outbox has been there.",
    ),
    Metric(
        name="wardlight_alerts_destinations_failing_count",
        kind=MetricKind.GAUGE,
        help="Destinations for which something was given up, or that refused us, and that have accepted nothing since.",
    ),
)
