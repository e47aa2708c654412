"""A thousand switches under load, among broken nodes and over a worker that sleeps: no connection is late or lost.

Late is a connection that was begun after an acknowledgement and answered by the other colour before the next command
was sent."""

import bisect
import contextlib
import socket
import threading
import time

from harness import ask_colour, free_port, reset, wait_for, web

SWITCHES = 1000
WORKERS = 3
ASLEEP = "0"  # the worker that no load goes to


def ask(port, source):
    """A connection from a given port, ended by a reset: the port is free again at once."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.settimeout(20)
    try:
        client.bind(("127.0.0.1", source))
        client.connect(("127.0.0.1", port))
        client.sendall(b"?\n")
        return client.recv(16).decode().strip()
    finally:
        reset(client)


def sources_by_worker(server, each):
    """Which worker accepts a connection follows from its addresses: `each` source ports for every worker."""
    found = {str(worker): [] for worker in range(WORKERS)}

    def holder():
        held = server.metrics()
        return next((worker for worker in found if held[f'shunt_worker_connections{{worker="{worker}"}}']), None)

    while min(map(len, found.values())) < each:
        source = free_port()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("127.0.0.1", source))
            client.connect(("127.0.0.1", server.port))
            found[wait_for(holder, "the connection to be some worker's")].append(source)
            reset(client)
        wait_for(lambda: holder() is None, "the connection to be gone")
    return found


class Load:
    """Connections one after the other from the given ports; (begun, answered, colour) of each, or the error."""

    def __init__(self, port, sources):
        self.samples, self.errors = [], []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, sources))

    def _run(self, port, sources):
        while not self._stop.is_set():
            for source in sources[:-1]:  # the last one is the switching thread's
                begun = time.monotonic()
                try:
                    colour = ask(port, source)
                    self.samples.append((begun, time.monotonic(), colour))
                except OSError as error:
                    self.errors.append(error)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def late(samples, changes):
    """The late ones, and how many connections could have been late; changes are (sent, acknowledged, pool)."""
    acknowledged = [change[1] for change in changes]
    found, judged = [], 0
    for begun, answered, colour in samples:
        k = bisect.bisect_right(acknowledged, begun) - 1
        if k < 0 or (k + 1 < len(changes) and answered >= changes[k + 1][0]):
            continue
        judged += 1
        if colour != changes[k][2]:
            found.append((k, begun - acknowledged[k], colour, changes[k][2]))
    return found, judged


def turns_asleep(server):
    return server.metrics()[f'shunt_worker_turns_total{{worker="{ASLEEP}"}}']


def test_a_thousand_switches_lose_no_connection_and_let_none_be_late(daemon, origins, black_hole, refusing):
    blue, green, refused = origins("blue", 2), origins("green", 2), refusing()[1]
    # No checks: clients meet the broken nodes again and again, and what they meet takes those out for a while.
    server = daemon(web(
        extra=f"workers: {WORKERS}\ntimeouts: {{connect: 50ms}}\n", health="{type: off, interval: 500ms}",
        app_extra="    release: {min_healthy: 50%}\n",
        blue=[*blue, ("hole-of-blue", black_hole), ("refusing-of-blue", refused)],
        green=[*green, ("hole-of-green", black_hole), ("refusing-of-green", refused)]))
    sources = sources_by_worker(server, 4)
    sleeping = sources.pop(ASLEEP)
    samples, changes, receipts = [], [], []
    turns = turns_asleep(server)
    with contextlib.ExitStack() as running:
        loads = [running.enter_context(Load(server.port, ports)) for ports in sources.values()]
        for turn in range(SWITCHES):
            pool = ("green", "blue")[turn % 2]
            sent = time.monotonic()
            receipts.append(server.switch(pool)["receipt"])
            acknowledged = time.monotonic()
            changes.append((sent, acknowledged, pool))
            # Now and then to the worker that slept through the switch: the connection wakes it.
            source = sleeping if turn % 20 == 0 else sources[str(1 + turn % 2)]
            colour = ask(server.port, source[-1])
            samples.append((acknowledged, time.monotonic(), colour))
        turns = turns_asleep(server) - turns
    wrong, judged = late(samples + [one for load in loads for one in load.samples], changes)
    assert not wrong
    assert [load.errors for load in loads] == [[], []]
    assert judged >= SWITCHES
    assert all(receipt["adopted"] for receipt in receipts)
    assert sum(receipt["repointed"] for receipt in receipts) > 0, "no connect was under way at any switch"
    assert turns < SWITCHES, "the worker without load did not sleep through switches"
    for node in ("hole-of-blue", "hole-of-green", "refusing-of-blue", "refusing-of-green"):
        assert server.node(node)["connect_errors"] > 0, f"{node} was never tried"
