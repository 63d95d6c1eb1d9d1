"""The heartbeat that stands retained on MQTT: what whoever watches from outside reads."""

import msgspec

from vitals.whole_numbers import EpochMs


class Beat(msgspec.Struct, frozen=True):
    """At `at_ms` every stage of the path moved; JSON on `wardlight/v1/heartbeat`, retained."""

    at_ms: EpochMs
    every_s: float
    """When to expect the next: a heartbeat several times this old means that alarms cannot be relied on."""
    version: str
    """Wardlight's."""
