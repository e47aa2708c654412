"""A network namespace of our own, in which the congestion control can be chosen without touching the machine's."""
import ctypes
import fcntl
import os
import socket
import struct

from processes import Failed

_CONGESTION = "/proc/sys/net/ipv4/tcp_congestion_control"
_AVAILABLE = "/proc/sys/net/ipv4/tcp_available_congestion_control"
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def congestion():
    with open(_CONGESTION, encoding="ascii") as file:
        return file.read().strip()


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16sH14x", answer)[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def enter(wanted):
    """Moves this process, and all that it starts, into a new namespace with the wanted congestion control."""
    if os.geteuid() != 0:
        raise Failed(f"--congestion {wanted} makes a network namespace, which needs root (sudo); without it: "
                     "--congestion machine")
    with open(_AVAILABLE, encoding="ascii") as file:
        available = file.read().split()
    if wanted not in available:
        raise Failed(f"--congestion {wanted}: this kernel has {', '.join(available)} (modprobe tcp_{wanted} may help)")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise Failed(f"--congestion {wanted}: a network namespace cannot be made here: "
                     f"{os.strerror(ctypes.get_errno())}")
    _loopback_up()
    with open(_CONGESTION, "w", encoding="ascii") as file:
        file.write(wanted)
    if congestion() != wanted:
        raise Failed(f"--congestion {wanted}: the kernel keeps {congestion()}")
