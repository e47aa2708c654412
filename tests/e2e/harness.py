"""What the end-to-end tests share: the daemon, its admin socket, origins and waiting for conditions."""

import contextlib
import http.client
import json
import os
import random
import selectors
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

SHUNT = os.environ.get("SHUNT_BIN", str(Path(__file__).parents[2] / "build/release/bin/shunt"))
# Sanitized builds are several times slower; every wait here is an upper bound, not a sleep.
PATIENCE_S = float(os.environ.get("SHUNT_TEST_PATIENCE", "30"))
# For a daemon that is to end without a thread that does not answer: ThreadSanitizer would report those it leaves.
LEAVES_THREADS = {"TSAN_OPTIONS": "report_thread_leaks=0"}


def free_port(family=socket.AF_INET):
    """A port that nobody listens on now. It lies below net.ipv4.ip_local_port_range, or a connection that another test
    makes meanwhile could take it as its own local port."""
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1" if family == socket.AF_INET else "::1", random.randrange(10000, 32000)))
                return probe.getsockname()[1]


def wait_for(condition, what, timeout=PATIENCE_S):
    """Waits until condition() is truthy and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for: {what}")
        time.sleep(0.01)


def connect(port, host="127.0.0.1", timeout=PATIENCE_S):
    return socket.create_connection((host, port), timeout=timeout)


def ask_colour(port, host="127.0.0.1"):
    """One new connection through the port: the colour of the origin that answered it."""
    with connect(port, host) as client:
        client.sendall(b"?\n")
        answer = client.makefile("rb").readline()
        return answer.decode().strip()


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class ColourOrigin:
    """Answers each line with its colour and a newline, on as many connections as come, until stopped."""

    def __init__(self, colour, host="127.0.0.1", port=0, path=None):
        self.colour = colour
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.address = f"unix:{path}"
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.listener = socket.socket(family, socket.SOCK_STREAM)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
            self.port = self.listener.getsockname()[1]
            self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.listener.listen(1024)
        self.listener.setblocking(False)
        self.accepted = 0
        self.clients = set()
        self._wake_read, self._wake_write = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listener, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake_read:
                    return
                if key.fileobj is self.listener:
                    self._accept()
                else:
                    self._answer(key.fileobj)

    def _accept(self):
        with contextlib.suppress(OSError):
            client, _ = self.listener.accept()
            self.accepted += 1
            self.clients.add(client)
            self._selector.register(client, selectors.EVENT_READ)

    def _answer(self, client):
        try:
            data = client.recv(65536)
            for _ in range(data.count(b"\n")):
                client.sendall(self.colour.encode() + b"\n")
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(client)
            self.clients.discard(client)
            client.close()

    def stop(self):
        if self._thread.is_alive():
            self._wake_write.send(b"x")
            self._thread.join()
        self.listener.close()
        for client in list(self.clients):
            client.close()
        self.clients.clear()
        self._wake_read.close()
        self._wake_write.close()


@contextlib.contextmanager
def held_by(port, count=1):
    """Clients that are connected through to a node, each with its node's colour in `.colour`."""
    with contextlib.ExitStack() as opened:
        clients = [opened.enter_context(HeldClient(port)) for _ in range(count)]
        yield clients


class HeldClient:
    """A connection that is established through to a node and stays."""

    def __init__(self, port):
        self.socket = connect(port)
        self._lines = self.socket.makefile("rb")
        self.colour = self.ask()

    def ask(self):
        """The colour of its node; empty where the connection was ended."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(b"?\n")
            return self._lines.readline().decode().strip()
        return ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lines.close()
        self.socket.close()


class UnixHTTPConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=PATIENCE_S):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One `shunt serve` with its own directory, state and admin socket."""

    def __init__(self, directory, config, env=None, args=(), wait_ready=True, preexec=None,
                 binary=SHUNT):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        # Unix socket paths are short; pytest's directories are not.
        self.short = Path(subprocess.check_output(["mktemp", "-d", "/tmp/shunt-XXXXXX"], text=True).strip())
        self.socket = str(self.short / "admin.sock")
        self.ports = {}
        for name in ("listen", "listen2", "listen3", "http"):
            if "{" + name + "}" in config:
                self.ports[name] = free_port()
                config = config.replace("{" + name + "}", str(self.ports[name]))
        config = config.replace("{dir}", str(self.directory))
        head = ""
        if "admin:" not in config:
            head += f"admin: {{socket: {self.socket}}}\n"
        else:
            config = config.replace("{socket}", self.socket)
        if "state:" not in config:
            head += f"state: {{dir: {self.directory}/state}}\n"
        self.config_path = self.directory / "shunt.yaml"
        self.config_path.write_text(head + config)
        self.env = {**os.environ, **(env or {})}
        self.args = list(args)
        self.wait_ready = wait_ready
        self.preexec = preexec
        self.binary = binary
        self.process = None
        self.expect_exit = 0
        self.starts = 0

    @property
    def port(self):
        return self.ports["listen"]

    @property
    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def start(self):
        log = open(self.directory / "log", "ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", str(self.config_path), *self.args],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, preexec_fn=self.preexec)
        log.close()
        self.starts += 1
        if self.wait_ready:
            wait_for(self._ready_or_dead, "the daemon to be ready; its log:\n" + self.log)
            assert self.process.poll() is None, "the daemon ended at start:\n" + self.log
        return self

    def _ready_or_dead(self):
        if self.process.poll() is not None:
            return True
        try:
            return self.get("/ready")[0] == 200
        except OSError:
            return False

    # ---- admin

    def request(self, method, path, body=None, headers=None):
        """(status, decoded JSON or text) of one admin request."""
        connection = UnixHTTPConnection(self.socket)
        try:
            data = None if body is None else json.dumps(body)
            given = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, data, {**given, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if is_json else text
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def metrics(self):
        """The value of every series, by its name with its labels."""
        status, text = self.get("/metrics")
        assert status == 200, text
        return {series: float(value) for series, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}

    def post(self, path, body, **headers):
        return self.request("POST", path, body, headers)

    def switch(self, pool, **fields):
        status, outcome = self.post("/v1/apps/-/switch", {"to": pool, **fields})
        assert status == 200, outcome
        return outcome

    def app(self, name="-"):
        status, body = self.get(f"/v1/apps/{name}")
        assert status == 200, body
        return body

    def pool(self, name):
        return next(pool for pool in self.app()["pools"] if pool["name"] == name)

    def node(self, name):
        return next(node for pool in self.app()["pools"] for node in pool["node_list"]
                    if node["name"] == name)

    def wait_healthy(self, pool):
        wait_for(lambda: self.pool(pool)["healthy"] == self.pool(pool)["nodes"], f"{pool} to be healthy")

    def events(self, kind=None):
        events = self.get("/v1/events")[1]["events"]
        return [event for event in events if kind in (None, event["type"])]

    def run(self, *args, check=False, timeout=PATIENCE_S, input=None):
        """Runs a verb of the command line against this daemon."""
        done = subprocess.run([self.binary, *args], capture_output=True, text=True, timeout=timeout,
                              input=input, env={**self.env, "SHUNT_SOCKET": self.socket})
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def popen(self, *args):
        """Begins a verb of the command line and does not wait for it."""
        return subprocess.Popen([self.binary, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**self.env, "SHUNT_SOCKET": self.socket})

    # ---- end

    def kill(self):
        """SIGKILL: what a crash leaves behind. start() again afterwards."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM and the wait for the end; returns the exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the daemon did not end on SIGTERM:\n" + self.log)
        return self.process.returncode if self.process else None

    def finish_quietly(self):
        """For a daemon that was not meant to start."""
        if self.process.poll() is None:
            self.kill()
        subprocess.run(["rm", "-rf", str(self.short)], check=False)

    def finish(self):
        try:
            if self.process and self.process.poll() is None:
                code = self.stop()
                assert code == self.expect_exit, f"exit code {code}:\n{self.log}"
            for sign in ("shunt: bug:", "Sanitizer", "runtime error:"):
                assert sign not in self.log, self.log
        finally:
            subprocess.run(["rm", "-rf", str(self.short)], check=False)


def pools(**colours):
    """The `pools:` lines for pools(blue=[origin, …], green=[("name", origin), …])."""
    def line(node):
        if isinstance(node, tuple):
            return f'{{name: {node[0]}, address: "{getattr(node[1], "address", node[1])}"}}'
        return f'"{getattr(node, "address", node)}"'

    lines = ["    pools:"]
    for name, nodes in colours.items():
        lines.append(f"      {name}: [{', '.join(map(line, nodes))}]")
    return "\n".join(lines) + "\n"


ACCESS = "log: {access: '{dir}/access.log', format: json}\n"


class Ends:
    """The records of the access log (as ACCESS configures it), as far as they are written."""

    def __init__(self, server):
        self.path = server.directory / "access.log"

    def all(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def by_cause(self, cause):
        return [end for end in self.all() if end["cause"] == cause]

    def wait_cause(self, cause, count=1):
        return wait_for(lambda: len(self.by_cause(cause)) >= count and self.by_cause(cause),
                        f"{count} that ended with cause {cause}; there were: {[end['cause'] for end in self.all()]}")


# Quick checks, so that a pool is proven within a fraction of a second.
QUICK_CHECKS = "{interval: 50ms, timeout: 40ms, rise: 1, fall: 2}"
QUICK_HEALTH = f"    health: {QUICK_CHECKS}\n"


def web(extra="", app_extra="", health=QUICK_CHECKS, **colours):
    """A configuration of one app `web` on a free port with quick health checks."""
    initial = next(iter(colours))
    return (extra + "apps:\n  web:\n" + f"    initial: {initial}\n" + "    listen: 127.0.0.1:{listen}\n" +
            f"    health: {health}\n" + app_extra + pools(**colours))
