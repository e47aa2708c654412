"""Connections that meet in one worker are handed to another one, and none is lost or misled on the way."""

import contextlib
import os
import socket
import threading

from harness import ACCESS, Ends, HeldClient, connect, wait_for, web
from switching import switch_while_asked

MARGIN = 8  # of base/limits.hpp


def loads(server):
    """Open connections by worker."""
    metrics = server.metrics()
    return [int(metrics[f'shunt_worker_connections{{worker="{worker}"}}']) for worker in (0, 1)]


def handed_over(server):
    metrics = server.metrics()
    return sum(metrics[f'shunt_worker_handed_over_total{{worker="{worker}"}}'] for worker in (0, 1))


def carried_by(server):
    """The worker of each connection, by the client's port."""
    listed = server.get("/v1/apps/-/connections?limit=10000")[1]["connections"]
    return {int(one["client"].rsplit(":", 1)[1]): one["id"] >> 48 for one in listed}


@contextlib.contextmanager
def all_in_one_worker(server, count):
    """Holds `count` connections, all of worker 0: twice as many and a few are opened, and the others closed."""
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(HeldClient(server.port)) for _ in range(2 * count + 3 * MARGIN)]
        workers = carried_by(server)
        held = [client for client in clients if workers[client.socket.getsockname()[1]] == 0][:count]
        for client in clients:
            if client not in held:
                client.__exit__()
        wait_for(lambda: loads(server) == [count, 0], "the others to be gone")
        yield held


def test_idle_connections_are_spread_over_workers_within_the_margin(daemon, origins):
    server = daemon(web(extra="workers: 2\n", blue=origins("blue", 2)))
    server.wait_healthy("blue")
    with contextlib.ExitStack() as opened:
        for _ in range(200):
            opened.enter_context(HeldClient(server.port))
        one, two = loads(server)
        assert one + two == 200
        assert abs(one - two) <= max(MARGIN, min(one, two) // 8) + 1


def test_what_a_worker_with_many_accepts_goes_to_the_one_with_few(daemon, origins):
    server = daemon(web(extra="workers: 2\n", blue=origins("blue", 2)))
    server.wait_healthy("blue")
    with all_in_one_worker(server, 60), contextlib.ExitStack() as opened:
        before = handed_over(server)
        for _ in range(40):
            opened.enter_context(HeldClient(server.port))
        assert loads(server) == [60, 40]  # those that the hash gave to the first are among the 40
        assert handed_over(server) > before


def test_without_messages_between_rings_they_stay_where_they_were_accepted(daemon, origins):
    server = daemon(web(extra="workers: 2\n", blue=origins("blue", 2)),
                    env={"SHUNT_URING_DISABLE": "message_ring"})
    server.wait_healthy("blue")
    with all_in_one_worker(server, 20), contextlib.ExitStack() as opened:
        for _ in range(40):
            opened.enter_context(HeldClient(server.port))
        assert handed_over(server) == 0
        assert loads(server)[0] > 20  # or all forty have met in the other one: 1 in 2^40


def test_a_switch_while_connections_are_handed_over_misleads_none(daemon, origins):
    server = daemon(web(extra="workers: 2\n" + ACCESS, blue=origins("blue", 2), green=origins("green", 2)))
    server.wait_healthy("blue")
    server.wait_healthy("green")
    with all_in_one_worker(server, 60) as held:
        misled, meanwhile = switch_while_asked(server)
        assert handed_over(server) > 100
        assert not misled
        assert set(meanwhile) == {"blue", "green"}, "one was lost"
        assert {client.ask() for client in held} == {"blue"}


def sockets_of(server):
    links = []
    for fd in os.listdir(f"/proc/{server.process.pid}/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/{server.process.pid}/fd/{fd}"))
    return sum(link.startswith("socket:") for link in links)


def test_a_stop_while_connections_are_handed_over_leaks_and_loses_none(daemon, origins):
    server = daemon(web(extra="workers: 2\nshutdown_grace: 10m\n" + ACCESS, health="{type: off}",
                        blue=origins("blue", 2)))
    with all_in_one_worker(server, 60) as held:
        broken = []
        begun = threading.Event()
        opened = []

        def ask_on():
            while True:
                try:
                    client = connect(server.port)
                except ConnectionError:
                    return  # accepting has stopped
                with client:
                    opened.append(client.getsockname()[1])
                    if len(opened) > 200:
                        begun.set()
                    try:
                        client.sendall(b"?\n")
                        if client.recv(5, socket.MSG_WAITALL) != b"blue\n":
                            broken.append("an early end")
                    except ConnectionError as error:
                        broken.append(error)

        background = [threading.Thread(target=ask_on) for _ in range(4)]
        for thread in background:
            thread.start()
        assert begun.wait(60)
        server.process.terminate()
        for thread in background:
            thread.join()
        # The kernel itself resets a handshake that ends between the last look into a queue and its close: at most one
        # a client that was at it.
        assert len(broken) <= len(background), broken
        wait_for(lambda: loads(server) == [60, 0], "only the held ones")
        # Two a connection, and the admin socket: the listeners are closed.
        wait_for(lambda: sockets_of(server) == 2 * len(held) + 1, "no other socket to be left")
        assert handed_over(server) > 50
        assert {client.ask() for client in held} == {"blue"}
    assert server.process.wait(60) == 0
    ends = Ends(server).all()
    assert len(ends) >= 60 + len(opened) - len(broken), "a connection ended without a record"
    assert {end["cause"] for end in ends} == {"--"}
