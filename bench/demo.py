#!/usr/bin/python3
"""Live traffic over two pools, switched while it flows: ./dev demo [--keep].

Two blue and two green origins, shunt with config/demo.yaml, wrk on keep-alive connections and a churn
of new ones. Switch at 4 s, rollback at 8 s, switch again at 11 s. Every change must move all new
connections and leave the established ones where they are; the exit code says whether that held.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KEEP_ALIVE = 20
NEW_PER_SECOND = 200
STEPS = {4: ["switch", "green"], 8: ["rollback"], 11: ["switch", "green"]}
SECONDS = 14
PATIENCE_S = 30


class Failed(Exception):
    pass


def out(text=""):
    print(text, flush=True)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def any_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_port(wanted):
    return wanted if is_free(wanted) else any_free_port()


class Stage:
    """The processes of the demo in a temporary directory; leaving it ends them all."""

    def __init__(self, binaries):
        self.binaries = binaries
        self.directory = tempfile.mkdtemp(prefix="shunt-demo-")
        self.socket = os.path.join(self.directory, "admin.sock")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.end(process)
        subprocess.run(["rm", "-rf", self.directory], check=False)

    def binary(self, name):
        return os.path.join(self.binaries, name)

    def start(self, name, *command, **options):
        """Errors and, unless options say otherwise, output go to NAME.log in the directory. Each process
        has a session of its own, so that Ctrl-C is for the demo alone, and ends with the demo."""
        with open(os.path.join(self.directory, name + ".log"), "wb") as log:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command],
                                       stdin=subprocess.DEVNULL, start_new_session=True,
                                       **{"stdout": log, "stderr": log, **options})
        self.processes.append(process)
        return process

    def log(self, name):
        with open(os.path.join(self.directory, name + ".log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def end(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if process in self.processes:
            self.processes.remove(process)
        return process.wait()

    def write_config(self):
        """config/demo.yaml with its own socket and state, and other ports where some are taken."""
        with open(os.path.join(ROOT, "config/demo.yaml"), encoding="utf-8") as file:
            text = file.read()
        ports = {port: free_port(int(port))
                 for port in dict.fromkeys(re.findall(r"127\.0\.0\.1:(\d+)", text))}
        text = re.sub(r"127\.0\.0\.1:(\d+)", lambda match: f"127.0.0.1:{ports[match.group(1)]}", text)
        text = re.sub(r"^admin:\n", f"admin:\n  socket: {self.socket}\n", text, flags=re.MULTILINE)
        text += f"\nstate: {{dir: {self.directory}/state}}\n"
        self.config = os.path.join(self.directory, "demo.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        self.entry = re.search(r"listen: (127\.0\.0\.1:\d+)", text).group(1)
        self.http = re.search(r"http: (127\.0\.0\.1:\d+)", text).group(1)
        self.nodes = re.findall(r'name: ((blue|green)\d+), address: "([^"]+)"', text)
        self.pool_sizes = {color: sum(1 for node in self.nodes if node[1] == color)
                           for color in ("blue", "green")}

    def shunt(self, *arguments):
        return subprocess.run([self.binary("shunt"), *arguments, "--socket", self.socket],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def status(self):
        """The app's part of `shunt status --json`, or None where the daemon does not answer."""
        answer = self.shunt("status", "--json")
        if answer.returncode != 0:
            return None
        snapshot = json.loads(answer.stdout)
        return snapshot["apps"][0] if "apps" in snapshot else snapshot

    def healthy(self):
        app = self.status()
        return app and all(pool["healthy"] == self.pool_sizes[pool["name"]] for pool in app["pools"])

    def wait_for(self, condition, what, process, name):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if process.poll() is not None:
                raise Failed(f"{name} ended while waiting for {what}:\n{self.log(name)}")
            if time.monotonic() > deadline:
                raise Failed(f"no {what} in {PATIENCE_S} s:\n{self.log(name)}")
            time.sleep(0.05)


def start_origins(stage):
    for name, color, address in stage.nodes:
        process = stage.start(name, stage.binary("bench_origin"), "--listen", address, "--color", color,
                              "--name", name)
        stage.wait_for(lambda name=name: "ready" in stage.log(name), "ready origin", process, name)
    out("origins   " + ", ".join(f"{name} {address}" for name, _, address in stage.nodes))


def start_shunt(stage):
    process = stage.start("shunt", stage.binary("shunt"), "serve", "--config", stage.config)
    stage.wait_for(stage.healthy, "healthy pools", process, "shunt")
    out(f"shunt     serves {stage.entry}, admin {stage.http} (read only) and {stage.socket}")
    return process


class Churn:
    """New connections; keeps the tallies of the last second and of the whole run."""

    def __init__(self, stage):
        self.stage = stage
        self.process = stage.start("churn", stage.binary("bench_churn"), "--target", stage.entry,
                                   "--rate", str(NEW_PER_SECOND), stdout=subprocess.PIPE, text=True)
        self.second = None
        self.total = None
        self.ticked = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            tally = json.loads(line)
            with self.ticked:
                self.second = tally.get("second", self.second)
                self.total = tally.get("total", self.total)
                self.ticked.notify_all()

    def next_second(self):
        with self.ticked:
            before = self.second
            if not self.ticked.wait_for(lambda: self.second is not before, PATIENCE_S):
                raise Failed("the churn stopped:\n" + self.stage.log("churn"))
            return self.second

    def end(self):
        self.stage.end(self.process)
        self.reader.join(PATIENCE_S)
        if self.total is None:
            raise Failed("the churn left no totals:\n" + self.stage.log("churn"))
        return self.total


def show_second(second, tally, established):
    colors = tally["colors"]
    out(f"{second:4d} s  {colors['blue']:6d} {colors['green']:6d}      {established['blue']:6d} "
        f"{established['green']:6d}    {tally['errors']:5d}  {tally['p99_us'] / 1000:7.2f} ms")


def change(stage, verb, problems):
    """Runs one verb as a person would; returns the receipt."""
    out(f"        $ shunt {' '.join(verb)}")
    answer = stage.shunt(*verb, "--json", "--reason", "demo")
    if answer.returncode != 0:
        problems.append(f"shunt {' '.join(verb)}: exit code {answer.returncode}: "
                        f"{(answer.stdout + answer.stderr).strip()}")
        return None
    outcome = json.loads(answer.stdout)
    receipt = outcome["receipt"]
    out(f"          {outcome['message']}: epoch {receipt['epoch']}, {receipt['total_ns'] / 1e6:.2f} ms "
        f"(persist {receipt['persist_ns'] / 1e6:.2f} ms, store {receipt['store_ns'] / 1e3:.2f} us, "
        f"adoption {receipt['adoption_ns'] / 1e3:.1f} us), {receipt['left_behind']} stay on {receipt['from']}")
    return receipt


def established_by_pool(stage):
    app = stage.status()
    if app is None:
        raise Failed("shunt does not answer:\n" + stage.log("shunt"))
    return {pool["name"]: pool["established"] for pool in app["pools"]}, app["active"]


def check_second(second, tally, established, active, problems):
    """In a second without a change all new connections are on the active pool, and the keep-alive
    connections, which began on blue, are there all the time."""
    other = "green" if active == "blue" else "blue"
    if second not in STEPS and second - 1 not in STEPS and tally["colors"][other] > 0:
        problems.append(f"second {second}: {tally['colors'][other]} new connections on {other}")
    if established["blue"] < KEEP_ALIVE:
        problems.append(f"second {second}: {established['blue']} of {KEEP_ALIVE} kept connections on blue")


def perform(stage, churn, problems):
    out("\n          new connections   established       errors      p99")
    out("            blue  green        blue  green")
    receipts = []
    for second in range(1, SECONDS + 1):
        tally = churn.next_second()
        established, active = established_by_pool(stage)
        show_second(second, tally, established)
        check_second(second, tally, established, active, problems)
        if second in STEPS:
            receipts.append(change(stage, STEPS[second], problems))
    return [receipt for receipt in receipts if receipt]


def start_wrk(stage):
    wrk = stage.start("wrk", "wrk", "-t1", f"-c{KEEP_ALIVE}", f"-d{SECONDS + 60}s", "-s",
                      os.path.join(ROOT, "bench/paced.lua"), f"http://{stage.entry}/")
    stage.wait_for(lambda: established_by_pool(stage)[0]["blue"] >= KEEP_ALIVE, "keep-alive connections",
                   wrk, "wrk")
    out(f"load      {KEEP_ALIVE} keep-alive connections (wrk) and {NEW_PER_SECOND} new ones a second")
    return wrk


def end_wrk(stage, wrk, problems):
    """wrk prints its report on SIGINT; returns (requests, errors)."""
    wrk.send_signal(signal.SIGINT)
    wrk.wait(PATIENCE_S)
    stage.end(wrk)
    report = stage.log("wrk")
    requests = re.search(r"(\d+) requests in", report)
    if not requests:
        problems.append("wrk left no report:\n" + report)
        return 0, 0
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    answers = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    errors = sum(map(int, sockets.groups())) if sockets else 0
    return int(requests.group(1)), errors + (int(answers.group(1)) if answers else 0)


def conclude(receipts, total, requests, errors, problems):
    out("\nreceipts")
    for receipt in receipts:
        out(f"  epoch {receipt['epoch']}  {receipt['from']:>5} -> {receipt['to']:<5}  "
            f"{receipt['total_ns'] / 1e6:7.2f} ms  durable: {'yes' if receipt['durable'] else 'no'}")
    colors = total["colors"]
    out(f"totals    {total['answered']} new connections ({colors['blue']} blue, {colors['green']} green), "
        f"{requests} keep-alive requests, p99 of new {total['p99_us'] / 1000:.2f} ms")
    errors += total["errors"]
    if len(receipts) != len(STEPS):
        problems.append(f"{len(receipts)} receipts instead of {len(STEPS)}")
    if errors:
        problems.append(f"errors: {total['failures']}, and {errors - total['errors']} of keep-alive requests")
    out(f"errors {errors}")


def keep(stage, churn):
    out(f"""
Left running, with {NEW_PER_SECOND} new connections a second; Ctrl-C ends it. In another terminal:
  export SHUNT_SOCKET={stage.socket}
  {stage.binary('shunt')} status
  {stage.binary('shunt')} rollback
  {stage.binary('shunt')} drain green1
  curl -s http://{stage.entry}/
  curl -s http://{stage.http}/metrics
  curl -s --unix-socket {stage.socket} -H 'Content-Type: application/json' \\
       -d '{{"to": "green"}}' http://localhost/v1/apps/-/switch
""")
    second = 0
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            second += 1
            tally = churn.next_second()
            show_second(second, tally, established_by_pool(stage)[0])


def run(options):
    problems = []
    with Stage(options.binaries) as stage:
        stage.write_config()
        start_origins(stage)
        start_shunt(stage)
        wrk = start_wrk(stage)
        churn = Churn(stage)
        receipts = perform(stage, churn, problems)
        requests, errors = end_wrk(stage, wrk, problems)
        if options.keep:
            keep(stage, churn)
        conclude(receipts, churn.end(), requests, errors, problems)
    for problem in problems:
        print("FAILED  " + problem, file=sys.stderr)
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C, to try commands")
    parser.add_argument("--binaries", default=os.path.join(ROOT, "build/release/bin"),
                        help="where shunt, bench_origin and bench_churn are")
    # A terminated demo ends its processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(parser.parse_args())
    except Failed as failed:
        print(f"FAILED  {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
