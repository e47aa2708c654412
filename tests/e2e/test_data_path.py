"""The data path from outside: addresses, retries, endings, timeouts, limits, shutdown."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import time

import pytest

from harness import (ACCESS, QUICK_HEALTH, ColourOrigin, Ends, ask_colour, connect, free_port, reset, wait_for, web)


def raw_node():
    """A listener whose connections the test itself plays."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    return listener, f"127.0.0.1:{listener.getsockname()[1]}"


def unacknowledged(sock):
    """SIOCOUTQ: bytes that the peer's kernel has not acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock, 0x5411, b"\0" * 4))[0]


def accept_client(listener, client_says=b"hello"):
    """Accepts until a connection brings bytes: health checks bring none."""
    while True:
        node, _ = listener.accept()
        node.settimeout(20)
        try:
            if node.recv(len(client_says), socket.MSG_WAITALL) == client_says:
                return node
        except OSError:
            pass
        node.close()


@pytest.fixture
def through(daemon):
    """A client and a node, connected through shunt by one connection that carried `hello`."""
    opened = []

    def make(extra=ACCESS, app_extra=""):
        listener, address = raw_node()
        server = daemon(web(extra=extra, app_extra=app_extra, blue=[address]))
        server.node_listener = listener
        client = connect(server.port)
        client.sendall(b"hello")
        node = accept_client(listener)
        opened.extend([listener, client, node])
        return server, client, node

    yield make
    for sock in opened:
        sock.close()


def test_half_close_passes_as_half_close_both_ways(through):
    _, client, node = through()
    client.shutdown(socket.SHUT_WR)
    assert node.recv(10) == b""
    node.sendall(b"answer after the end of the request")
    assert client.recv(35, socket.MSG_WAITALL) == b"answer after the end of the request"
    node.close()
    assert client.recv(10) == b""


def test_the_node_may_end_first(through):
    _, client, node = through()
    node.sendall(b"greeting")
    node.shutdown(socket.SHUT_WR)
    assert client.recv(8, socket.MSG_WAITALL) == b"greeting"
    assert client.recv(10) == b""
    client.sendall(b"still sending")
    assert node.recv(13, socket.MSG_WAITALL) == b"still sending"
    client.close()
    assert node.recv(10) == b""


@pytest.mark.parametrize("by", ["client", "node"])
def test_a_reset_arrives_as_a_reset_after_all_bytes(through, by):
    server, client, node = through()
    near, far = (client, node) if by == "client" else (node, client)
    near.sendall(b"x" * 200_000)
    wait_for(lambda: unacknowledged(near) == 0, "the bytes to be acknowledged")
    reset(near)
    got = b""
    with pytest.raises(ConnectionResetError):
        while True:
            piece = far.recv(65536)
            assert piece, "a clean end instead of a reset"
            got += piece
    assert len(got) == 200_000
    Ends(server).wait_cause("CR" if by == "client" else "SR")


def test_an_early_answer_during_an_upload_reaches_the_client(through):
    _, client, node = through()
    node.sendall(b"413 too large")
    node.shutdown(socket.SHUT_WR)
    client.settimeout(20)
    node.close()
    try:
        for _ in range(200):
            client.sendall(b"y" * 65536)
    except OSError:
        pass
    assert client.recv(13, socket.MSG_WAITALL) == b"413 too large"


def test_a_slow_reader_disturbs_nobody(through):
    server, _, node = through()
    node.settimeout(0.3)
    with pytest.raises(OSError):  # until all buffers on the way are full
        while True:
            node.sendall(b"z" * 1_000_000)
    with connect(server.port) as other:
        other.sendall(b"hello")
        with accept_client(server.node_listener) as another:
            another.sendall(b"welcome")
            assert other.recv(7, socket.MSG_WAITALL) == b"welcome"


def test_ipv6_and_unix_nodes(daemon, tmp_path, origins):
    path = subprocess.check_output(["mktemp", "-u", "/tmp/shunt-node-XXXXXX"], text=True).strip()
    six = ColourOrigin("six", host="::1")
    local = ColourOrigin("local", path=path)
    try:
        server = daemon(web(blue=[six], green=[local]))
        for pool in ("blue", "green"):
            server.wait_healthy(pool)
        assert ask_colour(server.port) == "six"
        server.switch("green")
        assert ask_colour(server.port) == "local"
    finally:
        six.stop()
        local.stop()
        os.unlink(path)


def test_a_bare_port_listens_on_both_families(daemon, origins):
    (blue,) = origins("blue")
    config = web(blue=[blue]).replace("listen: 127.0.0.1:{listen}", "listen: {listen}")
    server = daemon(config)
    assert ask_colour(server.port) == "blue"
    assert ask_colour(server.port, "::1") == "blue"


def test_a_refusing_node_costs_no_client_anything(daemon, origins):
    (good,) = origins("blue")
    # Checks off: the node stays in rotation until clients have met it.
    config = web(blue=[f"127.0.0.1:{free_port()}", good]).replace(QUICK_HEALTH, "    health: {type: off}\n")
    server = daemon(config)
    assert [ask_colour(server.port) for _ in range(20)] == ["blue"] * 20
    wait_for(lambda: server.events("node_health"), "the node to be marked down by failed connects")


def test_a_silent_node_is_given_up_at_the_connect_deadline(daemon, origins, black_hole):
    (good,) = origins("blue")
    server = daemon(web(extra="timeouts: {connect: 300ms}\n", health="{type: off}", blue=[black_hole, good]))
    assert [ask_colour(server.port) for _ in range(6)] == ["blue"] * 6


def test_when_every_node_refuses_the_client_is_reset_with_a_named_cause(daemon):
    server = daemon(web(extra=ACCESS, blue=[f"127.0.0.1:{free_port()}"]))
    assert is_reset(server.port)
    assert wait_for(Ends(server).all, "a record")[0]["cause"] in ("SC", "PN")


@pytest.mark.parametrize("timeouts,cause,act", [
    ("idle: 300ms", "PI", lambda client, node: None),
    ("half_closed: 300ms", "PH", lambda client, node: client.shutdown(socket.SHUT_WR)),
    ("stalled: 300ms", "PS", lambda client, node: fill(node)),
])
def test_a_timeout_closes_with_its_cause(through, timeouts, cause, act):
    server, client, node = through(extra=ACCESS + "timeouts: {" + timeouts + "}\n")
    act(client, node)
    Ends(server).wait_cause(cause)


def fill(sock):
    """Until nobody takes any more, a socket that is full for a moment only is read on, or until it is reset for that."""
    sock.setblocking(False)
    with contextlib.suppress(ConnectionResetError):
        while select.select([], [sock], [], 0.5)[1]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.send(b"z" * 100_000)


def test_the_connection_limit_refuses_the_newest_and_leaves_the_rest(daemon, origins):
    (blue,) = origins("blue")
    server = daemon(web(extra=ACCESS + "limits: {connections: 5}\nworkers: 1\n", blue=[blue]))
    held = [connect(server.port) for _ in range(5)]
    for client in held:
        client.sendall(b"?\n")
        assert client.recv(5, socket.MSG_WAITALL) == b"blue\n"
    assert is_reset(server.port)
    Ends(server).wait_cause("PL")
    (told,) = wait_for(lambda: server.events("limit"), "the limit to be told")
    assert told["fields"] == {"cause": "connection_limit", "count": "1"}, told
    for client in held:
        client.sendall(b"?\n")
        assert client.recv(5, socket.MSG_WAITALL) == b"blue\n"
        client.close()
    wait_for(lambda: server.app()["services"][0]["open"] == 0, "the five to be gone")
    assert ask_colour(server.port) == "blue"


def test_a_node_that_dies_or_drains_keeps_its_connections(through):
    server, client, node = through()
    name = server.app()["pools"][0]["node_list"][0]["name"]
    status, outcome = server.post("/v1/apps/-/nodes", {"nodes": [name], "admin": "maint", "force": True})
    assert status == 200, outcome
    client.sendall(b"more")
    assert node.recv(4, socket.MSG_WAITALL) == b"more"


def test_a_drain_deadline_closes_what_is_left_with_its_cause(daemon, origins):
    blue, green = origins("blue"), origins("green")
    server = daemon(web(extra=ACCESS, app_extra="    drain: {deadline: 200ms, close_over: 100ms}\n", blue=blue,
                        green=green))
    server.wait_healthy("green")
    with connect(server.port) as client:
        client.sendall(b"?\n")
        assert client.recv(5, socket.MSG_WAITALL) == b"blue\n"
        server.switch("green")
        Ends(server).wait_cause("KD")
    assert ask_colour(server.port) == "green"


def test_close_ends_what_it_names_and_nothing_else(daemon, origins):
    blue, green = origins("blue"), origins("green")
    server = daemon(web(extra=ACCESS, blue=blue, green=green))
    server.wait_healthy("green")
    old = connect(server.port)
    old.sendall(b"?\n")
    assert old.recv(5, socket.MSG_WAITALL) == b"blue\n"
    server.switch("green")
    new = connect(server.port)
    new.sendall(b"?\n")
    assert new.recv(6, socket.MSG_WAITALL) == b"green\n"
    status, outcome = server.post("/v1/apps/-/close", {"pool": "blue"})
    assert status == 200 and outcome["closed"] == 1, outcome
    Ends(server).wait_cause("KC")
    new.sendall(b"?\n")
    assert new.recv(6, socket.MSG_WAITALL) == b"green\n"
    old.close()
    new.close()


def test_a_rollback_ends_the_paced_closing_of_the_pool_that_is_live_again(daemon, origins):
    blue, green = origins("blue"), origins("green")
    server = daemon(web(extra=ACCESS, blue=blue, green=green))
    server.wait_healthy("green")

    def answers(client):
        try:
            client.sendall(b"?\n")
            return client.recv(5, socket.MSG_WAITALL) == b"blue\n"
        except OSError:
            return False

    clients = [connect(server.port) for _ in range(20)]
    assert all(answers(client) for client in clients)
    server.switch("green")
    before = time.monotonic()
    server.run("close", "--pool", "blue", "--over", "3s", check=True)
    server.run("rollback", check=True)
    left = [client for client in clients if answers(client)]
    assert left, "closing was at its beginning"
    wait_for(lambda: time.monotonic() > before + 3.5, "the closing's time to pass")
    assert all(answers(client) for client in left), "the live pool's connections are left alone"
    (event,) = server.events("close_cancelled")
    assert "closing of pool blue cancelled by rollback" in event["message"]
    for client in clients:
        client.close()


def test_shutdown_waits_for_connections_and_then_closes_them(through):
    server, client, node = through(extra=ACCESS + "shutdown_grace: 1h\n")
    server.node_listener.close()  # or those that try whether accepting has stopped would stay on it
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: refused(server.port), "accepting to stop")
    client.sendall(b"last words")
    assert node.recv(10, socket.MSG_WAITALL) == b"last words"
    client.close()
    assert node.recv(1) == b""
    node.close()
    assert server.process.wait(20) == 0  # did not wait for the grace to end
    assert not Ends(server).by_cause("KS")


def test_connections_left_after_the_grace_are_closed_with_their_cause(through):
    server, _, _ = through(extra=ACCESS + "shutdown_grace: 200ms\n")
    assert server.stop() == 0
    assert [end["cause"] for end in Ends(server).all()].count("KS") == 1


def test_a_second_sigterm_ends_at_once(through):
    server, _, _ = through(extra=ACCESS + "shutdown_grace: 10m\n")
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: refused(server.port), "accepting to stop")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0


def test_ready_fails_before_accepting_stops(daemon, origins):
    (blue,) = origins("blue")
    server = daemon(web(extra="shutdown_delay: 10m\n", blue=[blue]))
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: server.get("/ready")[0] == 503, "/ready to fail")
    assert [event["message"] for event in server.events("ready")] == ["ready", "not ready any more: stopping"]
    assert server.get("/live")[0] == 200
    assert ask_colour(server.port) == "blue"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0


def test_while_accepting_goes_on_a_stopping_daemon_can_be_rolled_back(daemon, origins):
    blue, green = origins("blue"), origins("green")
    server = daemon(web(extra="shutdown_delay: 10m\nshutdown_grace: 10m\n", blue=blue, green=green))
    server.wait_healthy("green")
    server.switch("green")
    held = connect(server.port)
    held.sendall(b"?\n")
    assert held.recv(6, socket.MSG_WAITALL) == b"green\n"
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: server.get("/ready")[0] == 503, "/ready to fail")
    done = server.run("rollback", "--reason", "green is bad", "--wait", "adopted")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ask_colour(server.port) == "blue"
    node = server.app()["pools"][1]["node_list"][0]["name"]
    assert server.run("drain", node).returncode == 0
    held.close()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    server.start()
    assert ask_colour(server.port) == "blue", "the decision of the last minute is kept"
    server.kill()  # a stop would wait for the delay


def test_once_accepting_has_ended_commands_are_refused_and_say_why(daemon, origins):
    blue, green = origins("blue"), origins("green")
    server = daemon(web(extra="shutdown_grace: 10m\n", blue=blue, green=green))
    server.wait_healthy("green")
    held = connect(server.port)
    held.sendall(b"?\n")
    assert held.recv(5, socket.MSG_WAITALL) == b"blue\n"
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: refused(server.port), "accepting to stop")
    status, problem = server.post("/v1/apps/-/switch", {"to": "green"})
    assert status == 503 and problem["reasons"][0]["gate"] == "stopping", problem
    assert "takes no new connections any more" in problem["detail"]
    held.close()
    assert server.process.wait(20) == 0


def is_reset(port):
    """A new connection is reset: while connect() still looks, or at the first read."""
    try:
        with connect(port) as client:
            client.recv(1)
            return False
    except ConnectionResetError:
        return True


def refused(port):
    try:
        connect(port).close()
        return False
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
