"""Readings to assessments: NEWS2, personal baselines and an anomaly score, one River pipeline per patient."""

from runtime.linear_algebra import keep_to_one_thread

keep_to_one_thread()
