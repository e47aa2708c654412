"""Fixtures: a daemon on free ports in a temporary directory, and origins that answer their colour."""

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
