"""Fixtures: a daemon on free ports in a temporary directory, origins that answer their colour, broken nodes."""

import contextlib
import socket

import pytest

from harness import ColourOrigin, Daemon


@pytest.fixture
def origins():
    """origins("blue", 2) starts two servers that answer `blue`; all end with the test."""
    started = []

    def start(colour, count=1, **options):
        servers = [ColourOrigin(colour, **options) for _ in range(count)]
        started.extend(servers)
        return servers

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def daemon(tmp_path):
    """daemon(config_text) starts `shunt serve`; {listen} and {listen2} in the text become free ports.

    Every daemon is stopped at the end, must end in order, and must have reported no bug."""
    started = []

    def start(config, **options):
        directory = tmp_path / f"daemon{len(started)}"
        server = Daemon(directory, config, **options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.finish()


@pytest.fixture
def black_hole():
    """An address whose connects neither succeed nor fail: its backlog is full, so SYNs are dropped."""
    with contextlib.ExitStack() as opened:
        hole = opened.enter_context(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(4):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        yield "127.0.0.1:{}".format(hole.getsockname()[1])


@pytest.fixture
def refusing():
    """refusing() is an address that refuses: taken, so that nobody else listens there. Returns the socket, for a
    test that lets it listen later, and the address."""
    with contextlib.ExitStack() as opened:
        def take():
            taken = opened.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            return taken, "127.0.0.1:{}".format(taken.getsockname()[1])

        yield take
