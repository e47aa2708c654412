"""Files of the machine, /proc/stat for one, as a test wants a daemon to see them."""

import ctypes
import os
import subprocess

import pytest

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def seeing(files):
    """A `preexec` for daemon(): it alone sees each path of `files`, a dict, as the file or directory that is given for it.
    What is written into that later, in place, it sees too. Skips the test where the process may not do that."""
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace of its own: {tried.stderr.strip()}")
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source, target, flags):
        if libc.mount(source, target, None, flags, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target.decode())

    def enter():
        if libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        mount(b"none", b"/", MS_REC | MS_PRIVATE)
        for path, seen in files.items():
            mount(os.fsencode(seen), os.fsencode(path), MS_BIND)

    return enter
