"""The command line and the one-process mode: the one place that knows every room and wires concrete classes together."""
