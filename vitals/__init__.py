"""The shared language of every room: signs, readings, assessments, alerts, scores, codecs, topics, ids, errors.

Pure: imports the standard library and msgspec only, does no I/O and reads no clock.
"""
