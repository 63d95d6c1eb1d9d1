"""Alerts: readings, assessments, commands and time in; episodes of alerts out, to the log, to SQL and to MQTT.

`engine` composes the pure parts (`evidence`, `rules`, `watchdog`, `episode`, `wording`, `state`); `worker` and `delivery`
connect them to the log; docs/alerts.md holds the table of states and every default with its source.
"""
