"""Builders, fakes of ports, private servers and contract suites that tests share."""
