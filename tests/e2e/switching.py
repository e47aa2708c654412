"""Switches to and fro while clients ask on and on."""

import threading

from harness import ask_colour


def switch_while_asked(server, switches=40):
    """Switches between green and blue while two clients ask on and on. Returns who was misled: (switch, pool, colour) of
    each that met another pool than the one acknowledged before it began, five a switch; and the colours that the two
    clients got."""
    misled, meanwhile = [], []
    over = threading.Event()

    def ask_on():
        while not over.is_set():
            try:
                meanwhile.append(ask_colour(server.port))
            except OSError as error:
                meanwhile.append(repr(error))

    background = [threading.Thread(target=ask_on) for _ in range(2)]
    for thread in background:
        thread.start()
    try:
        for turn in range(switches):
            pool = ("green", "blue")[turn % 2]
            server.switch(pool)
            misled += [(turn, pool, colour) for colour in (ask_colour(server.port) for _ in range(5)) if colour != pool]
    finally:
        over.set()
        for thread in background:
            thread.join()
    return misled, meanwhile
