"""A network namespace for the calling thread and what it starts: its own sysctls and loopback interface."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41


@contextlib.contextmanager
def own_network(**sysctls):
    """own_network(tcp_fastopen=3): with these net.ipv4 settings. Skips the test where the process may not make one.

    Start daemons and origins inside of it: descriptors and processes keep the network in which they began."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            pytest.skip(f"no network namespace of its own: {os.strerror(ctypes.get_errno())}")
        try:
            with socket.socket() as lo:
                fcntl.ioctl(lo, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))
            for name, value in sysctls.items():
                Path("/proc/sys/net/ipv4", name).write_text(str(value))
            yield
        finally:
            assert libc.setns(home, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(home)
