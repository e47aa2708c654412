#!/usr/bin/python3
"""Thousands of connections in a process of their own, whose limit of descriptors is raised:
usage: many_connections.py serve ADDRESS…      listens on one port of all, prints it, holds what comes until it ends
       many_connections.py hold PORT SOURCE…   reads numbers: opens or closes until so many are held, prints each"""
import resource
import selectors
import socket
import sys

DESCRIPTORS = 20_000
IP_BIND_ADDRESS_NO_PORT = 24


def serve(addresses):
    port = 0
    selector = selectors.DefaultSelector()
    for address in addresses:
        listener = socket.socket()
        listener.bind((address, port))
        port = listener.getsockname()[1]
        listener.listen(4096)
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ, "listener")
    print(port, flush=True)
    while True:
        for key, _ in selector.select():
            if key.data == "listener":
                accepted = key.fileobj.accept()[0]
                selector.register(accepted, selectors.EVENT_READ, "connection")
            elif not key.fileobj.recv(65536):
                selector.unregister(key.fileobj)
                key.fileobj.close()


def hold(port, sources):
    held = []
    for line in sys.stdin:
        while len(held) > int(line):
            held.pop().close()
        while len(held) < int(line):
            client = socket.socket()
            # A port that bind(2) chose is nobody else's, with whatever addresses, and with TIME_WAIT for a minute: shunt
            # would soon find none towards its nodes.
            client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            client.bind((sources[len(held) % len(sources)], 0))
            client.connect(("127.0.0.1", port))
            held.append(client)
        print(len(held), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    if sys.argv[1] == "serve":
        serve(sys.argv[2:])
    else:
        hold(int(sys.argv[2]), sys.argv[3:])
