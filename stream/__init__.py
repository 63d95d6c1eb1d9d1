"""Readings to assessments: NEWS2, personal baselines and an anomaly score, one River pipeline per patient."""
