"""What else this machine does: its CPU that neither the load test nor the system under test uses."""

import os
import resource
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psutil

BEFORE = 0.5  # s for which the machine is looked at before a run
BUSY = 0.1  # of all cores: from here on a figure is not the system's alone


class Elsewhere(NamedTuple):
    """What others took, as shares of all cores."""

    before: float  # CPU of other processes just before the run
    during: float  # and while it lasted
    stolen: float  # what the hypervisor gave to other machines meanwhile
    load_average: float  # over the minute before the run: an earlier run of one's own is in it

    @property
    def is_busy(self) -> bool:
        """Whether that is enough to be seen in the figures."""
        return max(self.before, self.during) + self.stolen > BUSY

    def __str__(self) -> str:
        stolen = f", and {self.stolen:.0%} were given to other machines" if self.stolen >= 0.01 else ""
        return (
            f"other programs took {self.before:.0%} of this machine's {os.cpu_count()} cores before the run and "
            f"{self.during:.0%} during it{stolen}; load average before {self.load_average:.1f}"
        )


class Times(NamedTuple):
    """What was counted until some moment."""

    at: float
    busy: float  # CPU s of all processes
    ours: float  # of which are the load test's and the system's
    stolen: float


class Watch:
    """The machine from just before a run on."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Looks at the machine for a moment.

        Args:
            pids: processes that count as the system's, with all that they started.
        """
        self._pids = (os.getpid(), *pids)
        self._load_average = os.getloadavg()[0]
        earlier = look(self._pids)
        time.sleep(BEFORE)
        self._began = look(self._pids)
        self._before, _ = shares(earlier, self._began)

    def end(self) -> Elsewhere:
        """Give what others took until now."""
        return Elsewhere(self._before, *shares(self._began, look(self._pids)), self._load_average)


def look(pids: Sequence[int]) -> Times:
    """Look at the machine.

    Args:
        pids: processes that count as ours, with all that they started.
    """
    # Without what serves interrupts: the network's on the loopback interface is ours.
    found: Any = psutil.cpu_times()  # its fields are the system's
    busy = found.user + getattr(found, "nice", 0.0) + found.system
    return Times(time.monotonic(), busy, sum(map(_of_a_tree, pids)), getattr(found, "steal", 0.0))


def shares(before: Times, after: Times) -> tuple[float, float]:
    """Give what others took between two looks, and what was stolen, as shares of all cores."""
    capacity = (after.at - before.at) * (os.cpu_count() or 1)
    elsewhere = (after.busy - before.busy) - (after.ours - before.ours)
    # A tick is counted once for the machine and once for a process: a little less than nothing is nothing.
    return max(0.0, elsewhere / capacity), (after.stolen - before.stolen) / capacity


def _of_a_tree(pid: int) -> float:
    """Tell the CPU seconds of a process and of all that it started.

    Those that ended are included: of this process everywhere, of another where the system tells it, unlike macOS.
    """
    try:
        parent = psutil.Process(pid)
        tree = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    seconds = 0.0
    for process in tree:
        try:
            times: Any = process.cpu_times()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            # Ended meanwhile: its parent has its time once it was waited for. Or another user's, where that is secret.
            continue
        seconds += times.user + times.system
        if process.pid == os.getpid():
            ended = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds += ended.ru_utime + ended.ru_stime
        else:
            seconds += times.children_user + times.children_system  # 0 on macOS
    return seconds
