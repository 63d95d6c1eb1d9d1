"""Tests: unit, property, simulation (fast loop); integration, e2e (real servers); tidy (the source's own shape)."""
