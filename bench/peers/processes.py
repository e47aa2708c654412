"""Child processes in a temporary directory, each pinned to a CPU; leaving the stage ends them all, by pid."""
import contextlib
import os
import random
import resource
import shutil
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 20


class Failed(Exception):
    """What keeps the benchmark from going on, told to the user as it is."""


def any_free_port():
    """A port that nobody has now, below those that the kernel gives to connections."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(10000, 32000)))
            return probe.getsockname()[1]


def descriptors_max():
    """Raises the soft limit of descriptors to the hard one, for this process and its children; the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def wait_for(condition, what, patience_s=PATIENCE_S, every_s=0.01):
    """Polls until condition() is truthy; its value."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"no {what} in {patience_s} s")
        time.sleep(every_s)


class Stage:
    """cpus: that of load and origins, and that of the balancers; None leaves a process where it is."""

    def __init__(self, binaries, cpus):
        self.binaries = binaries
        self.load_cpu, self.balancer_cpu = cpus
        self.directory = tempfile.mkdtemp(prefix="shunt-peers-")
        self.processes = []

    def __enter__(self):
        if self.load_cpu is not None:
            os.sched_setaffinity(0, {self.load_cpu})
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes[:]):
            self.end(process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def binary(self, name):
        return os.path.join(self.binaries, name)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def start(self, name, command, cpu=None, **options):
        """Errors and, unless options say otherwise, output go to NAME.log. Each process has a session of its
        own, so that Ctrl-C is for the benchmark alone, and ends with the benchmark's end of any kind."""
        with open(self.path(name + ".log"), "wb") as log:
            try:
                process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "TERM", *command], start_new_session=True,
                    preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
                    **{"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **options})
            except OSError as error:
                raise Failed(f"{command[0]}: {error}") from error
        self.processes.append(process)
        return process

    def start_ready(self, name, command, ready, cpu=None):
        """Waits until ready() is truthy; a process that ends meanwhile is told with its log."""
        process = self.start(name, command, cpu)

        def started():
            if process.poll() is not None:
                raise Failed(f"{name} ended:\n{self.log(name)}")
            return ready()
        wait_for(started, f"{name} that answers")
        return process

    def end(self, process, patience_s=PATIENCE_S):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout:
            process.stdout.close()
        if process in self.processes:
            self.processes.remove(process)
        return process.returncode


def output_of(*command):
    """What a command prints, errors included; empty where there is no such command."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False).stdout
    except OSError:
        return ""
