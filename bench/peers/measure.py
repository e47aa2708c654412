"""What a balancer and the machine have spent, as the kernel counts it."""
import os
import time
from dataclasses import dataclass

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def process_tree(pid):
    """A process and all below it."""
    found = [pid]
    for parent in found:
        for task in os.listdir(f"/proc/{parent}/task"):
            found += map(int, _read(f"/proc/{parent}/task/{task}/children").split())
    return found


def run_time_s(pids):
    """Time on a CPU of all tasks of the processes: /proc/PID/task/*/schedstat, in nanoseconds. What the
    network costs in soft interrupts is in it, as far as they ran in these tasks, which on loopback is
    nearly all; a task that has ended is not."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                total += int(_read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
            except FileNotFoundError:
                pass
    return total / 1e9


def idle_s(cpus):
    """Time that the CPUs did not work for this machine: idle, waiting for a disk, or stolen by the host. The
    kernel adds up idle time exactly where its tick stops when idle, unlike the ticks of the busy columns."""
    total = 0
    for line in _read("/proc/stat").splitlines():
        fields = line.split()
        if fields and fields[0] in {f"cpu{cpu}" for cpu in cpus}:
            total += int(fields[4]) + int(fields[5]) + int(fields[8])
    return total / _TICKS_PER_S


def pss_bytes(pids):
    """Memory of the processes, shared pages divided among those that share them. Without the kernel's."""
    total = 0
    for pid in pids:
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


@dataclass
class Spent:
    """Between two readings. own_s is None where there is no balancer."""
    seconds: float
    own_s: float | None
    machine_s: float


class Meter:
    """Reads at its making; spent() reads again. pids: the balancer's processes; cpus: all that take part."""

    def __init__(self, pids, cpus):
        self.pids, self.cpus = pids, cpus
        self.begin = self._read()

    def _read(self):
        return time.monotonic(), run_time_s(self.pids), idle_s(self.cpus)

    def spent(self):
        (began, own_before, idle_before), (ended, own, idle) = self.begin, self._read()
        seconds = ended - began
        return Spent(seconds, own - own_before if self.pids else None,
                     max(0.0, seconds * len(self.cpus) - (idle - idle_before)))
