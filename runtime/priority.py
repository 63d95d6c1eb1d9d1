"""Who steps back where processors are short: this process, and the session it leads.

Linux shares processors among sessions first where it groups them (`kernel.sched_autogroup_enabled`, mostly on): there the
niceness of a process counts among its session only, and the session has one of its own (sched(7), "The autogroup feature").
A service that a supervisor gave a session of its own would step back for nobody but itself.
"""

import os
import re
from pathlib import Path

import structlog

from runtime.clock import Clock

log = structlog.get_logger()

_OF_THE_SESSION = Path("/proc/self/autogroup")
_LOOK_AGAIN_S = 0.1
"""The kernel takes one such change in so long, of all who may not administer it."""
_TRIES_MAX = 20


async def step_back(niceness: int, *, clock: Clock) -> None:
    """Let everybody less nice go first, from now on and for good; 0 changes nothing, and nothing gets less nice than it is.

    A session that this process does not lead is left alone, since others of it may be in more of a hurry, and that is said.
    Control groups are above both: between containers, and services of systemd, their shares decide (docs/limits.md).
    """
    if niceness == 0:
        return
    os.setpriority(os.PRIO_PROCESS, 0, max(niceness, os.getpriority(os.PRIO_PROCESS, 0)))
    if not _sessions_are_grouped():
        return
    if os.getsid(0) != os.getpid():
        log.info("session_does_not_step_back", reason="This process does not lead it: niceness counts within it only.")
        return
    for _ in range(_TRIES_MAX):
        if _session_is_settled(niceness):
            return
        await clock.sleep(_LOOK_AGAIN_S)
    log.warning("session_does_not_step_back", reason=f"The kernel was busy {_TRIES_MAX} times.")


def _sessions_are_grouped() -> bool:
    return _OF_THE_SESSION.exists()


def _session_is_settled(niceness: int) -> bool:
    """Set it, and say whether there is no more to do about it; False where the kernel asks to come again."""
    try:
        told = re.search(r"nice (-?\d+)", _OF_THE_SESSION.read_text(encoding="ascii"))
        if told is not None and int(told[1]) < niceness:
            _OF_THE_SESSION.write_text(f"{niceness}", encoding="ascii")
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("session_does_not_step_back", reason=str(error))
    return True
