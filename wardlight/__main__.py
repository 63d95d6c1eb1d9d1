"""`wardlight`: the way in. What the commands need is imported here only after Ctrl-C is seen to: that takes half a second."""

import os
import signal
import sys
from types import FrameType

EXIT_INTERRUPTED = 130


def main() -> None:
    """The console script; an interrupt at whatever moment ends it with 130 and no word, unless a command sees to it."""
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        # Not as an exception: within an import, libraries take it for their own failure and say so.
        signal.signal(signal.SIGINT, _leave)
    from wardlight.command_line import run

    try:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
