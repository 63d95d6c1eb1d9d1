"""The command line and the one-process mode: the one place that knows every room and wires concrete classes together."""

from runtime.linear_algebra import keep_to_one_thread

keep_to_one_thread()
