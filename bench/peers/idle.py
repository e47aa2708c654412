"""Connections that stand and do nothing: both ends of them, held by this process."""
import contextlib
import selectors
import socket
import time

from measure import pss_bytes
from processes import PATIENCE_S, Failed, any_free_port

_MESSAGE = b"x" * 64
# Connects under way at a time: fewer than any backlog on the way.
_BATCH = 100
_SETTLED_BYTES = 16 * 1024


class Holder:
    """A node, and the clients of a balancer before it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", any_free_port()), backlog=1024)
        self.address = "127.0.0.1:{}".format(self.listener.getsockname()[1])
        self.listener.settimeout(PATIENCE_S)
        self.clients, self.nodes = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.listener.close()

    def open(self, address, count):
        """Returns once the node has accepted every connection."""
        host, port = address.rsplit(":", 1)
        for begin in range(0, count, _BATCH):
            batch = min(_BATCH, count - begin)
            for _ in range(batch):
                self.clients.append(socket.create_connection((host, int(port)), timeout=PATIENCE_S))
            for _ in range(batch):
                try:
                    self.nodes.append(self.listener.accept()[0])
                except TimeoutError as error:
                    raise Failed(f"only {len(self.nodes)} of {count} idle connections came through") from error

    def exchange(self):
        """A small message on each connection to the node, and one back."""
        self._pass_on(self.clients, self.nodes)
        self._pass_on(self.nodes, self.clients)

    @staticmethod
    def _pass_on(senders, receivers):
        missing = {one: len(_MESSAGE) for one in receivers}
        with selectors.DefaultSelector() as selector:
            for one in receivers:
                selector.register(one, selectors.EVENT_READ)
            for one in senders:
                one.sendall(_MESSAGE)
            while missing:
                ready = selector.select(PATIENCE_S)
                if not ready:
                    raise Failed(f"{len(missing)} of {len(receivers)} messages on idle connections are lost")
                for key, _ in ready:
                    got = len(key.fileobj.recv(len(_MESSAGE)))
                    missing[key.fileobj] -= got
                    if got == 0:
                        raise Failed("an idle connection was closed")
                    if missing[key.fileobj] == 0:
                        selector.unregister(key.fileobj)
                        del missing[key.fileobj]

    def close(self):
        """Clients first; returns once the balancer has ended the nodes' side too."""
        for client in self.clients:
            client.close()
        for node in self.nodes:
            with contextlib.suppress(OSError):
                node.settimeout(PATIENCE_S)
                node.recv(1)
            node.close()
        self.clients, self.nodes = [], []


def settled_pss(pids, patience_s=3):
    """Memory once it stays within a few pages for a tenth of a second; the last reading where it never does."""
    deadline = time.monotonic() + patience_s
    before = pss_bytes(pids)
    while True:
        time.sleep(0.1)
        now = pss_bytes(pids)
        if abs(now - before) <= _SETTLED_BYTES or time.monotonic() > deadline:
            return now
        before = now


def measure(holder, contestant, count):
    """Bytes of the balancer's own memory before, with `count` connections, and after a message on each."""
    # What the first connections cost once: pages of code, first pieces of pools.
    holder.open(contestant.bulk, 16)
    holder.exchange()
    holder.close()
    empty = settled_pss(contestant.pids)
    holder.open(contestant.bulk, count)
    opened = settled_pss(contestant.pids)
    holder.exchange()
    exchanged = settled_pss(contestant.pids)
    holder.close()
    return empty, opened, exchanged
