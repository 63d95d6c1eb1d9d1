"""Process plumbing that knows no medicine: clock, door for blocking calls, bus, MQTT session, worker loop, settings, telemetry."""
