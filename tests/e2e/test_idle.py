"""Idle connections cost next to nothing and disturb nobody."""

import resource
import socket

import pytest

from harness import ask_colour, wait_for, web

CONNECTIONS = 4000


def own_memory(pid):
    """Memory that is this process's alone, in bytes. Clean pages are the binary's: whether they count as private
    depends on who else runs it just now."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        fields = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
    return int(fields["Private_Dirty"].split()[0]) * 1024


def sanitized(server):
    with open(f"/proc/{server.process.pid}/maps") as file:
        maps = file.read()
    return "libasan" in maps or "libtsan" in maps


def test_four_thousand_idle_connections_are_small_and_quiet(daemon, origins):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CONNECTIONS * 2 + 500:
        pytest.skip(f"the hard limit of descriptors is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = []
    try:
        blue = origins("blue", 2)
        server = daemon(web(blue=blue))
        server.wait_healthy("blue")
        for _ in range(50):  # whatever is touched by the first connections is no cost of idle ones
            ask_colour(server.port)
        before = own_memory(server.process.pid)
        for _ in range(CONNECTIONS):
            held.append(socket.create_connection(("127.0.0.1", server.port)))
        wait_for(lambda: server.pool("blue")["established"] >= CONNECTIONS, "all to be established")
        idle = (own_memory(server.process.pid) - before) / CONNECTIONS
        for client in held:
            client.sendall(b"?\n")
        for client in held:
            assert client.recv(5, socket.MSG_WAITALL) == b"blue\n"
        spoken = (own_memory(server.process.pid) - before) / CONNECTIONS
        print(f"own memory: {idle:.0f} bytes an idle connection, {spoken:.0f} after one message")
        assert ask_colour(server.port) == "blue"
        if not sanitized(server):
            assert idle <= 400
            assert spoken <= 1024
    finally:
        for client in held:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
