"""Memory is flat: what a connection costs does not grow with their number, and is there again when they have gone."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness import wait_for, web
from test_idle import own_memory, sanitized

CONNECTIONS = 18_000
FEWER = 4_000  # that would still show a growth
RESERVE = 1_000
STEP = 1_000
NODES = ["127.0.0.11", "127.0.0.12"]  # each with all local ports
SOURCES = ["127.0.0.21", "127.0.0.22", "127.0.0.23"]


def connections_allowed():
    """As many as the hard limit of descriptors allows: two each for shunt; client and origin are processes of their own."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min(CONNECTIONS, (hard - RESERVE) // 2), hard


class Many:
    """The process of many_connections.py."""

    def __init__(self, *args):
        self.process = subprocess.Popen([sys.executable, Path(__file__).with_name("many_connections.py"), *args],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def answer(self):
        return int(self.process.stdout.readline())

    def hold(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        assert self.answer() == count


def test_memory_is_flat_from_ten_connections_to_eighteen_thousand_and_is_used_again(daemon):
    connections, hard = connections_allowed()
    if connections < FEWER:
        pytest.skip(f"the hard limit of descriptors is {hard}")
    with Many("serve", *NODES) as origin:
        port = origin.answer()
        server = daemon(web(extra="workers: 1\nlimits: {connections: " + str(connections + 100) + "}\n", health="{type: off}",
                            blue=[f"{node}:{port}" for node in NODES]))

        def hold(count):
            # Step by step: shunt accepts quicker than the origin, whose listeners' queues would overflow.
            for step in [*range(STEP, count, STEP), count]:
                clients.hold(step)
                wait_for(lambda: server.pool("blue")["established"] == step, f"{step} to be established")
            return own_memory(server.process.pid)

        with Many("hold", str(server.port), *SOURCES) as clients:
            for _ in range(3):  # whatever is touched by the first connections is no cost of many
                hold(100)
                hold(0)
            few = hold(10)
            many = hold(connections)
            hold(0)
            again = hold(connections)
            each = (many - few) / (connections - 10)
            print(f"{connections} connections, own memory: {each:.0f} bytes a connection, {(again - many) / 1024:.0f} KiB more the second time")
            if not sanitized(server):
                assert each <= 400
                assert again - many <= 128 * 1024  # 7 bytes each
            hold(0)
