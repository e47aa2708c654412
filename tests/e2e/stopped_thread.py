"""Stops one thread of a process and lets the rest run, as a debugger does: a worker that is silent."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

from harness import wait_for

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # __WALL: waitpid for a thread

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid):
    if libc.ptrace(request, tid, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def thread_of(pid, name):
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError(f"process {pid} has no thread {name}")


class StoppedThread:
    """with StoppedThread(pid, "shunt-worker0"): … Enter and leave it on the same thread of the test (ptrace(2))."""

    def __init__(self, pid, name):
        self.tid = thread_of(pid, name)

    def __enter__(self):
        try:
            ptrace(PTRACE_SEIZE, self.tid)
        except PermissionError:
            pytest.skip("may not trace here (CAP_SYS_PTRACE, seccomp, kernel.yama.ptrace_scope)")
        ptrace(PTRACE_INTERRUPT, self.tid)
        os.waitpid(self.tid, WALL)
        return self

    def __exit__(self, *_):
        try:
            ptrace(PTRACE_DETACH, self.tid)
        except OSError as error:
            # Killed meanwhile. Whoever traces a thread has to reap it, or the process does not end.
            assert error.errno == errno.ESRCH, error
            wait_for(self._reaped, "the thread to end")

    def _reaped(self):
        try:
            return os.waitpid(self.tid, WALL | os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True
