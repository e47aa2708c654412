"""Contract point 3: every byte once, in order; half-closes, resets and early answers pass as they are.

The tool knows for each connection what both ends must receive and how the stream must end. Blue and green
are the same node here, so the switches that run meanwhile must not be felt by any connection."""

import json
import os
import subprocess
import threading

from harness import PATIENCE_S, free_port, wait_for, web

TOOL = os.path.join(os.environ.get("SHUNT_BUILD", "build/release"), "bin/shunt_transfer")


class Switching:
    """Switches to and fro all the time, on a thread whose failure is the test's."""

    def __init__(self, server):
        self.server, self.made, self.error = server, 0, None
        self.first_epoch = server.app()["epoch"]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join()
        if kind is None:
            if self.error is not None:
                raise self.error
            assert self.server.app()["epoch"] == self.first_epoch + self.made

    def goes_on(self):
        """Another switch is made after this moment: none of them was the last long ago."""
        before = self.made
        wait_for(lambda: self.made > max(before, 2) or not self._thread.is_alive(), "another switch")
        if self.error is not None:
            raise self.error
        assert self.made > before, f"nothing was switched any more after {before} times"

    def _run(self):
        try:
            while not self._stop.wait(0.02):
                self.server.switch(("green", "blue")[self.made % 2])
                self.made += 1
        except BaseException as error:
            self.error = error


def transfer(daemon, connections, mean_bytes, parallel, seed, timeout):
    node = free_port()
    # Without checks: the node's listener ends before the switches do.
    # So few connections that there may be a multishot accept, whatever the limit of descriptors.
    config = web("limits: {connections: 1000}\nworkers: 1\n", health="{type: off}", blue=[f"127.0.0.1:{node}"], green=["GREEN"])
    server = daemon(config.replace('"GREEN"', f'{{name: same, address: "127.0.0.1:{node}"}}'))
    tool = subprocess.Popen([TOOL, str(server.port), str(node), str(connections), str(mean_bytes), str(parallel),
                             str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)
    try:
        assert tool.stdout.readline() == "listening\n"
        without = os.environ.get("SHUNT_URING_DISABLE", "").split(",")
        assert ("splice" in without) != ("splice" in server.get("/v1/status")[1]["process"]["features"].split())
        for pool in ("blue", "green"):
            server.wait_healthy(pool)
        with Switching(server) as switching:
            out, err = tool.communicate("go\n", timeout=timeout)
            switching.goes_on()
        assert tool.returncode == 0, out + err
        result = json.loads(out.splitlines()[-1])
        assert result["failures"] == 0 and result["node_ends"] == connections
        result["switches"] = switching.made
        return result
    finally:
        if tool.poll() is None:
            tool.kill()
            tool.wait()


def test_every_byte_and_every_ending_arrives(daemon):
    quick = os.environ.get("SHUNT_TEST_QUICK")
    transfer(daemon, 300 if quick else 1500, 60_000, parallel=16, seed=1, timeout=PATIENCE_S * 5)


def test_streams_keep_every_byte_and_every_ending(daemon):
    quick = os.environ.get("SHUNT_TEST_QUICK")
    transfer(daemon, 40 if quick else 150, 4_000_000, parallel=12, seed=3, timeout=PATIENCE_S * 5)


def test_many_short_connections(daemon):
    transfer(daemon, 400 if os.environ.get("SHUNT_TEST_QUICK") else 2000, 300, parallel=32, seed=2,
             timeout=PATIENCE_S * 5)
