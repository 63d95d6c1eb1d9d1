"""From MQTT to the log: strict decoding, the patient as of the measurement time, acknowledgement only after the log has it."""
