"""What a balancer and the machine have spent, as the kernel counts it."""
import contextlib
import os
import resource
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
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{parent}/task"):
                found += map(int, _read(f"/proc/{parent}/task/{task}/children").split())
    return found


def run_time_s(pids):
    """Time on a CPU of all tasks of the processes, those that have ended too: the CPU clock of each process, which
    adds up what /proc/PID/task/*/schedstat shows one by one. What the network costs in soft interrupts is in it as
    far as they ran in these tasks, which on loopback is nearly all."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime(_cpu_clock(pid))
    return total


def _cpu_clock(pid):
    """The clock's number as clock_getcpuclockid(3) makes it."""
    return ~pid << 3 | 2


def _ended_children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    """Between two readings. own_s: the balancer's CPU time, None where there is none. machine_s: that of all
    processes of the benchmark: balancers, origins and load. others: share of the CPUs that was busy beyond it,
    with the kernel's own threads and with what does not belong here."""
    seconds: float
    own_s: float | None
    machine_s: float
    others: float


class Meter:
    """Reads at its making; spent() reads again. pids: the balancer's processes; stage: all processes of the
    benchmark, which may start and end meanwhile; cpus: those that they run on."""

    def __init__(self, pids, stage, cpus):
        self.pids, self.stage, self.cpus = pids, stage, cpus
        self.begin = self._read()

    def _read(self):
        children = [pid for process in self.stage.processes for pid in process_tree(process.pid)]
        return (time.monotonic(), run_time_s(self.pids), run_time_s(children) + _ended_children_s(),
                idle_s(self.cpus))

    def spent(self):
        seconds, own, machine, idle = (now - then for now, then in zip(self._read(), self.begin))
        capacity = seconds * len(self.cpus)
        return Spent(seconds, own if self.pids else None, machine,
                     max(0.0, capacity - idle - machine) / capacity)
