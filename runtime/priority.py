"""Who steps back where processors are short: this process, and the session it leads.

Linux shares processors among sessions first where it groups them (`kernel.sched_autogroup_enabled`, mostly on): there the
niceness of a process counts among its session only, and the session has one of its own (sched(7), "The autogroup feature").
A service that a supervisor gave a session of its own would step back for nobody but itself.
"""

import os
from pathlib import Path

import structlog

from runtime.clock import Clock

log = structlog.get_logger()

_OF_THE_SESSION = Path("/proc/self/autogroup")
_LOOK_AGAIN_S = 0.1
"""The kernel takes one such change in so long, of all who may not administer it."""
_TRIES_MAX = 50


async def step_back(niceness: int, *, clock: Clock) -> None:
    """Let everybody less nice go first, from now on and for good; never nicer to others than it already is.

    A session is left alone where others of it may be in more of a hurry: where this process does not lead it. Control
    groups are above both: between containers, and services of systemd, their shares decide (docs/limits.md).
    """
    niceness = max(niceness, os.getpriority(os.PRIO_PROCESS, 0))
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    if os.getsid(0) != os.getpid():
        return
    for _ in range(_TRIES_MAX):
        if _session_is_settled(niceness):
            return
        await clock.sleep(_LOOK_AGAIN_S)
    log.warning("session_does_not_step_back", error=f"The kernel was busy {_TRIES_MAX} times.")


def _session_is_settled(niceness: int) -> bool:
    """Set it, and say whether there is no more to do about it; False where the kernel asks to come again."""
    try:
        _OF_THE_SESSION.write_text(f"{niceness}", encoding="ascii")
    except FileNotFoundError:
        return True  # sessions are not grouped here
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("session_does_not_step_back", error=str(error))
    return True
