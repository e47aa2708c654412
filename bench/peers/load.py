"""The load tools, run to their end; each returns what the tool counted."""
import json
import os
import signal
import subprocess
import time

from processes import PATIENCE_S, Failed, any_free_port

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk.lua")


def _json_line(stage, name, output):
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed(f"{name} left no figures:\n{output}{stage.log(name)}")
    return json.loads(lines[-1])


class Wrk:
    """wrk at work, on one thread, each connection asking again as soon as it is answered. Made once it runs."""

    def __init__(self, stage, address, connections, close=False):
        self.stage = stage
        # stdbuf: the line that says that it runs would else come with its last one.
        self.process = stage.start(
            "wrk", ["stdbuf", "-oL", "wrk", "-t1", f"-c{connections}", "-d1h", "-s", _SCRIPT,
                    *(["-H", "Connection: close"] if close else []), f"http://{address}/"],
            stage.load_cpu, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline().startswith("Running"):
            stage.end(self.process)
            raise Failed("wrk: " + stage.log("wrk"))

    def finish(self):
        """It sums up within a tenth of a second after it is interrupted. Again where that met it just before it
        began to wait: it would stop its load, and wait."""
        deadline = time.monotonic() + PATIENCE_S
        output = None
        while output is None:
            self.process.send_signal(signal.SIGINT)
            try:
                output, _ = self.process.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise Failed("wrk does not end") from None
        self.stage.end(self.process)
        return _json_line(self.stage, "wrk", output)


def wrk(stage, address, seconds, connections, close=False):
    one = Wrk(stage, address, connections, close)
    time.sleep(seconds)
    return one.finish()


class Streams:
    """Bulk streams; made once the warm-up is over and the measured time begins."""

    def __init__(self, stage, address, control, down, up, warm_up_s, seconds):
        self.stage = stage
        self.process = stage.start(
            "stream", [stage.binary("bench_stream"), "run", "--target", address, "--control", control,
                       "--down", str(down), "--up", str(up), "--warm-up", str(warm_up_s),
                       "--seconds", str(seconds), "--hold"], stage.load_cpu, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "begin\n":
            self.end()
            raise Failed("bench_stream: " + stage.log("stream"))

    def counted(self):
        """Waits for the end of the measured time; the streams go on."""
        return _json_line(self.stage, "stream", self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.stage.end(self.process)


def paced_requests(stage, address, rate, connections, warm_up_s, seconds):
    """Open loop: requests at a rate, with exponential gaps, each counted from its scheduled time."""
    process = stage.start(
        "churn", [stage.binary("bench_churn"), "--target", address, "--rate", "0", "--requests", str(rate),
                  "--keep-alive", str(connections), "--warm-up", str(warm_up_s),
                  "--seconds", str(warm_up_s + seconds)], stage.load_cpu, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.communicate(timeout=warm_up_s + seconds + PATIENCE_S)
    finally:
        stage.end(process)
    return _json_line(stage, "churn", output)["total"]


def start_origins(stage, count=2):
    """HTTP origins that answer a few hundred bytes; their addresses."""
    addresses = []
    for number in range(1, count + 1):
        addresses.append(f"127.0.0.1:{any_free_port()}")
        stage.start_ready(f"origin{number}", [stage.binary("bench_origin"), "--listen", addresses[-1],
                                              "--name", f"origin{number}"],
                          lambda: "ready" in stage.log(f"origin{number}"), stage.load_cpu)
    return addresses


def start_stream_server(stage):
    """Source and sink of the bulk streams; its address."""
    address = f"127.0.0.1:{any_free_port()}"
    stage.start_ready("stream-server", [stage.binary("bench_stream"), "serve", "--listen", address],
                      lambda: "ready" in stage.log("stream-server"), stage.load_cpu)
    return address
