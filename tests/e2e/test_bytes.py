"""Contract point 3: every byte once, in order; half-closes, resets and early answers pass as they are.

The tool knows for each connection what both ends must receive and how the stream must end. Blue and green
are the same node here, so the switches that run meanwhile must not be felt by any connection."""

import json
import os
import subprocess
import threading

from harness import PATIENCE_S, free_port, web

TOOL = os.path.join(os.environ.get("SHUNT_BUILD", "build/release"), "bin/shunt_transfer")


def transfer(daemon, connections, mean_bytes, parallel, seed, timeout):
    node = free_port()
    config = web(blue=[f"127.0.0.1:{node}"], green=["GREEN"])
    server = daemon(config.replace('"GREEN"', f'{{name: same, address: "127.0.0.1:{node}"}}'))
    tool = subprocess.Popen([TOOL, str(server.port), str(node), str(connections), str(mean_bytes), str(parallel),
                             str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)
    try:
        assert tool.stdout.readline() == "listening\n"
        for pool in ("blue", "green"):
            server.wait_healthy(pool)
        stop = threading.Event()

        def keep_switching():
            turn = 0
            while not stop.wait(0.02):
                turn += 1
                server.switch(("green", "blue")[turn % 2])

        switcher = threading.Thread(target=keep_switching)
        switcher.start()
        try:
            out, err = tool.communicate("go\n", timeout=timeout)
        finally:
            stop.set()
            switcher.join()
        assert tool.returncode == 0, out + err
        result = json.loads(out.splitlines()[-1])
        assert result["failures"] == 0 and result["node_ends"] == connections
        assert server.app()["epoch"] > 2
        return result
    finally:
        if tool.poll() is None:
            tool.kill()
            tool.wait()


def test_every_byte_and_every_ending_arrives(daemon):
    quick = os.environ.get("SHUNT_TEST_QUICK")
    transfer(daemon, 300 if quick else 1500, 60_000, parallel=16, seed=1, timeout=PATIENCE_S * 5)


def test_many_short_connections(daemon):
    transfer(daemon, 400 if os.environ.get("SHUNT_TEST_QUICK") else 2000, 300, parallel=32, seed=2,
             timeout=PATIENCE_S * 5)
