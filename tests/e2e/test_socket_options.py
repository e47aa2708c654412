"""How the sockets of a service are opened: defer_accept, fast_open, congestion."""

import ctypes
import os
import re
import socket
import subprocess
import tempfile

import pytest

from harness import (ACCESS, PATIENCE_S, Daemon, Ends, HeldClient, ask_colour, connect, reset, wait_for, web)
from own_network import own_network

TCP_FASTOPEN_CONNECT, TCPI_OPT_SYN_DATA = 30, 32
CAP_NET_ADMIN, PR_CAPBSET_DROP = 12, 24


def kernel(name):
    return open(f"/proc/sys/net/ipv4/{name}", encoding="ascii").read().split()


def other_than_the_machines():
    """A congestion control that everybody may use and that is not the default."""
    others = [name for name in kernel("tcp_allowed_congestion_control")
              if name not in kernel("tcp_congestion_control")]
    if not others:
        pytest.skip("the kernel allows no congestion control besides its default")
    return others[0]


def check(server):
    return server.run("check", str(server.config_path))


@pytest.fixture
def not_started(tmp_path):
    """not_started(config) is a daemon whose start has failed."""
    made = []

    def start(config, **options):
        server = Daemon(tmp_path / f"refused{len(made)}", config, wait_ready=False, **options)
        made.append(server)
        server.start()
        assert server.process.wait(PATIENCE_S) == 1, server.log
        return server

    yield start
    for server in made:
        server.finish_quietly()


# ---- defer_accept

DEFERRING = "    defer_accept: 1m\n"


def test_a_client_that_says_nothing_reaches_no_node_until_it_speaks(daemon, origins):
    origin, = origins("blue")
    server = daemon(web("workers: 1\n", app_extra=DEFERRING, health="{type: off}", blue=[origin]))
    with connect(server.port) as silent:
        assert ask_colour(server.port) == "blue", "one that came later and speaks is served"
        assert origin.accepted == 1
        silent.sendall(b"?\n")
        assert silent.recv(100) == b"blue\n"
        assert origin.accepted == 2


def test_a_client_that_speaks_after_a_switch_reaches_the_new_pool(daemon, origins):
    blue, green = origins("blue") + origins("green")
    server = daemon(web(app_extra=DEFERRING, blue=[blue], green=[green]))
    server.wait_healthy("green")
    with connect(server.port) as waiting:
        server.switch("green")
        waiting.sendall(b"?\n")
        assert waiting.recv(100) == b"green\n"


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["end", "reset"])
def test_clients_that_leave_without_a_byte_hang_nothing(daemon, origins, leave):
    server = daemon(web(extra=ACCESS, app_extra=DEFERRING, blue=origins("blue")))
    for _ in range(50):
        leave(connect(server.port))
    assert ask_colour(server.port) == "blue"
    # Those that ended are accepted as an end; those that were reset never.
    Ends(server).wait_cause("--", count=51 if leave is not reset else 1)
    wait_for(lambda: server.app()["services"][0]["open"] == 0, "nothing to be left")
    assert server.stop() == 0


def test_a_client_that_waits_does_not_hold_up_a_stop(daemon, origins):
    server = daemon(web(app_extra=DEFERRING, blue=origins("blue")))
    with connect(server.port) as waiting:
        assert server.stop() == 0
        with pytest.raises(OSError):
            for _ in range(2):  # the first is answered by the reset
                waiting.sendall(b"?\n")
                if waiting.recv(100) == b"":
                    raise ConnectionResetError


# ---- fast_open


def ask_fast(port):
    """A question that may leave with the SYN: the answer, and whether it did."""
    with socket.socket() as client:
        client.settimeout(PATIENCE_S)
        client.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        client.connect(("127.0.0.1", port))
        client.sendall(b"?\n")
        answer = client.recv(100)
        options = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5]
        return answer, bool(options & TCPI_OPT_SYN_DATA)


def test_the_question_of_a_client_that_was_there_before_comes_with_its_syn(daemon, origins):
    with own_network(tcp_fastopen=3):
        server = daemon(web("workers: 2\n", app_extra="    fast_open: on\n", blue=origins("blue")))
        assert [ask_fast(server.port) for _ in range(5)] == [(b"blue\n", False)] + [(b"blue\n", True)] * 4, \
            "the first one fetches the cookie, which every worker takes"
        assert not server.events("fast_open_idle")
        assert "warning" not in check(server).stderr
        assert server.stop() == 0


def test_without_it_no_question_comes_with_the_syn(daemon, origins):
    with own_network(tcp_fastopen=3):
        server = daemon(web(blue=origins("blue")))
        assert [ask_fast(server.port) for _ in range(3)] == [(b"blue\n", False)] * 3
        assert server.stop() == 0


def test_a_kernel_that_does_not_open_fast_is_told_by_the_start_and_by_check(daemon, origins):
    with own_network(tcp_fastopen=1):
        server = daemon(web(app_extra="    fast_open: on\n", blue=origins("blue")))
        assert [ask_fast(server.port) for _ in range(2)] == [(b"blue\n", False)] * 2, "it serves all the same"
        said = r"apps\.web\.fast_open: net\.ipv4\.tcp_fastopen is 1, .*sysctl -w net\.ipv4\.tcp_fastopen=3"
        event, = server.events("fast_open_idle")
        assert event["level"] == "warn" and re.search(said, event["message"]), event
        assert re.search(said, server.log)
        checked = check(server)
        assert checked.returncode == 0 and re.search("^warning: .*" + said, checked.stderr, re.MULTILINE), checked
        assert server.stop() == 0


# ---- congestion


def congestion_of_established(*filters):
    """The congestion control of each established socket that ss finds with these filters: whole addresses, for a port
    alone may be the other end's of somebody else's connection."""
    out = subprocess.run(["ss", "-Htin", "state", "established", *filters], check=True, capture_output=True,
                         text=True).stdout
    names = kernel("tcp_available_congestion_control")
    return [next(word for word in line.split() if word in names) for line in out.splitlines() if line[:1].isspace()]


@pytest.mark.parametrize("text,of_client,of_node", [
    ("NAME", "NAME", "NAME"), ("{client: NAME}", "NAME", "auto"), ("{node: NAME}", "auto", "NAME")])
def test_each_side_has_its_congestion_control(daemon, origins, text, of_client, of_node):
    name, machines = other_than_the_machines(), kernel("tcp_congestion_control")[0]
    origin, = origins("blue")
    server = daemon(web(app_extra=f"    congestion: {text.replace('NAME', name)}\n", health="{type: off}",
                        blue=[origin]))
    expected = [name if side == "NAME" else machines for side in (of_client, of_node)]
    with HeldClient(server.port) as held:
        assert held.colour == "blue"
        assert congestion_of_established("src", f"127.0.0.1:{server.port}") == expected[:1]
        assert congestion_of_established("dst", f"127.0.0.1:{origin.port}") == expected[1:]
    assert "warning" not in check(server).stderr


def test_a_node_on_a_unix_socket_has_none(daemon, origins):
    with tempfile.TemporaryDirectory(prefix="shunt-node-", dir="/tmp") as directory:
        server = daemon(web(app_extra="    congestion: reno\n", blue=origins("blue", path=f"{directory}/node")))
        assert ask_colour(server.port) == "blue"


def test_a_congestion_control_that_the_kernel_lacks_is_an_error_of_the_start_and_a_warning_of_check(not_started):
    server = not_started(web(app_extra="    congestion: {node: no_such_thing}\n", blue=["127.0.0.1:1"]))
    said = (r"shunt\.yaml:\d+:24: apps\.web\.congestion\.node: this kernel does not have the congestion control "
            r"'no_such_thing' \(it has .*reno.*modprobe tcp_no_such_thing\)")
    assert re.search(said, server.log), server.log
    assert "not started: 1 error in" in server.log
    checked = check(server)
    assert checked.returncode == 0 and re.search("^warning: .*" + said, checked.stderr, re.MULTILINE), checked


def without_net_admin():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0) == 0 or os.geteuid() != 0


def test_a_congestion_control_that_the_process_may_not_use_is_an_error_of_the_start(not_started):
    barred = set(kernel("tcp_available_congestion_control")) - set(kernel("tcp_allowed_congestion_control"))
    if not barred:
        pytest.skip("the kernel lets everybody use every congestion control that it has")
    name = barred.pop()
    server = not_started(web(app_extra=f"    congestion: {name}\n", blue=["127.0.0.1:1"]), preexec=without_net_admin)
    assert f"apps.web.congestion: this process may not use the congestion control '{name}'" in server.log, server.log
    assert "net.ipv4.tcp_allowed_congestion_control" in server.log and "CAP_NET_ADMIN" in server.log
