"""shunt as a systemd service: what it tells its supervisor, sockets that it takes over, and its unit."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness import PATIENCE_S, SHUNT, Daemon, ask_colour, connect, free_port, wait_for, web

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd/shunt.service"


class Supervisor:
    """The receiving end of sd_notify: keeps every assignment in the order of arrival."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="shunt-notify-", dir="/tmp")
        self.path = f"{self.directory}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.assignments = []

    def environment(self, watchdog_us=None):
        given = {"NOTIFY_SOCKET": self.path}
        if watchdog_us:
            given["WATCHDOG_USEC"] = str(watchdog_us)
        return given

    def read(self):
        while True:
            try:
                self.assignments += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.assignments

    def count(self, assignment):
        return self.read().count(assignment)

    def status(self):
        return [one.removeprefix("STATUS=") for one in self.read() if one.startswith("STATUS=")]

    def close(self):
        self.socket.close()
        shutil.rmtree(self.directory)


@pytest.fixture
def supervisor():
    made = Supervisor()
    yield made
    made.close()


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


# ---- notifications


def test_the_supervisor_hears_ready_status_watchdog_and_stopping_in_order(daemon, origins, supervisor):
    server = daemon(web(blue=origins("blue"), green=origins("green")),
                    env=supervisor.environment(watchdog_us=200_000))
    wait_for(lambda: supervisor.count("READY=1"), "READY=1")
    assert ask_colour(server.port) == "blue", "ready means that connections are taken"
    assert str(server.port) in supervisor.status()[-1], "the status says where it listens"
    before = supervisor.count("WATCHDOG=1")
    wait_for(lambda: supervisor.count("WATCHDOG=1") > before + 2, "the watchdog to be fed on and on")
    assert supervisor.count("STOPPING=1") == 0
    assert server.stop() == 0
    heard = supervisor.read()
    assert heard.count("READY=1") == 1 and heard.count("STOPPING=1") == 1
    assert heard.index("READY=1") < heard.index("STOPPING=1")
    assert "WATCHDOG=1" in heard[heard.index("READY=1"):heard.index("STOPPING=1")]


def test_the_status_names_the_live_pool_also_after_a_switch(daemon, origins, supervisor):
    server = daemon(web(blue=origins("blue"), green=origins("green")), env=supervisor.environment())
    wait_for(lambda: supervisor.count("READY=1"), "READY=1")
    assert supervisor.status()[-1].startswith("web: blue is live; "), supervisor.status()
    server.wait_healthy("green")
    server.switch("green")
    wait_for(lambda: supervisor.status()[-1].startswith("web: green is live; "), "the status to follow")
    assert str(server.port) in supervisor.status()[-1], "and it still says where it listens"
    server.post("/v1/apps/-/rollback", {})
    wait_for(lambda: supervisor.status()[-1].startswith("web: blue is live; "), "the status to follow")


def test_without_a_watchdog_none_is_fed(daemon, origins, supervisor):
    server = daemon(web(blue=origins("blue"), green=origins("green")), env=supervisor.environment())
    wait_for(lambda: supervisor.count("READY=1"), "READY=1")
    server.stop()
    assert supervisor.count("STOPPING=1") == 1
    assert supervisor.count("WATCHDOG=1") == 0


def test_a_start_that_fails_is_never_called_ready(tmp_path, supervisor):
    server = Daemon(tmp_path, "apps: {web: {initial: nowhere}}\n", env=supervisor.environment(),
                    wait_ready=False).start()
    try:
        assert server.process.wait(PATIENCE_S) == 1
        assert supervisor.count("READY=1") == 0
    finally:
        server.finish_quietly()


# ---- sockets from the supervisor


PASS_SOCKETS = """#!{python}
# Hands over listening sockets as systemd does (sd_listen_fds(3)), then becomes the daemon.
import os, socket, sys
count = 0
for address in {addresses!r}:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(128)
    os.dup2(listener.detach(), 50 + count)
    count += 1
for i in range(count):
    os.dup2(50 + i, 3 + i)
    os.close(50 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count),
                  LISTEN_FDNAMES=":".join("name%d" % i for i in range(count)))
os.execv({shunt!r}, [{shunt!r}] + sys.argv[1:])
"""


def passing(tmp_path, *addresses):
    """A program that passes sockets on these addresses to the daemon that it becomes."""
    return script(tmp_path / "pass-sockets", PASS_SOCKETS.format(
        python=sys.executable, addresses=list(addresses), shunt=SHUNT))


def test_sockets_that_are_handed_over_are_served_by_every_worker(daemon, origins, tmp_path):
    port = free_port()
    config = web("workers: 2\n", blue=origins("blue"), green=origins("green"))
    server = daemon(config.replace("{listen}", str(port)),
                    binary=passing(tmp_path, ("127.0.0.1", port)))
    assert [ask_colour(port) for _ in range(20)] == ["blue"] * 20
    server.wait_healthy("green")
    server.switch("green")
    assert [ask_colour(port) for _ in range(20)] == ["green"] * 20


def test_a_socket_of_no_service_is_refused_with_its_name_and_address(origins, tmp_path):
    port, other = free_port(), free_port()
    config = web(blue=origins("blue"), green=origins("green")).replace("{listen}", str(port))
    server = Daemon(tmp_path / "daemon", config, wait_ready=False,
                    binary=passing(tmp_path, ("127.0.0.1", port), ("127.0.0.1", other))).start()
    try:
        assert server.process.wait(PATIENCE_S) == 1
        assert f"socket 'name1' (127.0.0.1:{other}) is the address of no service" in server.log
        assert "ListenStream=" in server.log, "and the way out"
        assert "name0" not in server.log
    finally:
        server.finish_quietly()


def test_socket_activation_starts_the_daemon_for_a_client_that_waited(origins, tmp_path):
    port = free_port()
    activator = script(tmp_path / "activate", "#!/bin/sh\n"
                       f"exec systemd-socket-activate -l 127.0.0.1:{port} '{SHUNT}' \"$@\"\n")
    config = web(blue=origins("blue"), green=origins("green")).replace("{listen}", str(port))
    server = Daemon(tmp_path / "daemon", config, wait_ready=False, binary=activator).start()
    try:
        def client():
            try:
                return connect(port)
            except ConnectionRefusedError:
                return None
        with wait_for(client, "systemd-socket-activate to listen") as first:
            first.sendall(b"?\n")
            assert first.makefile("rb").readline() == b"blue\n"
        assert server.stop() == 0
    finally:
        server.finish_quietly()


# ---- the unit


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The tree that `cmake --install` makes of the build."""
    prefix = tmp_path_factory.mktemp("installed")
    subprocess.run(["cmake", "--install", os.environ["SHUNT_BUILD"], "--prefix", str(prefix)],
                   check=True, stdout=subprocess.DEVNULL)
    return prefix


def settings(name):
    """The values of one setting of the unit, a list assigned in several lines in one."""
    return " ".join(re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)).split()


def test_the_installed_tree_is_complete_and_its_unit_names_its_files(installed):
    unit = (installed / "lib/systemd/system/shunt.service").read_text()
    assert f"ExecStart={installed}/bin/shunt serve --config {installed}/etc/shunt/shunt.yaml" in unit
    assert "/usr/bin/shunt" not in unit
    for name in ("bin/shunt", "etc/shunt/shunt.yaml", "lib/sysusers.d/shunt.conf",
                 "share/doc/shunt/docs/metrics.md", "share/doc/shunt/examples/shunt.socket"):
        assert (installed / name).exists(), name


def test_installing_again_keeps_the_operators_configuration(installed):
    config = installed / "etc/shunt/shunt.yaml"
    before = config.read_text()
    try:
        config.write_text("# mine\n")
        subprocess.run(["cmake", "--install", os.environ["SHUNT_BUILD"], "--prefix", str(installed)],
                       check=True, stdout=subprocess.DEVNULL)
        assert config.read_text() == "# mine\n"
    finally:
        config.write_text(before)


def test_systemd_finds_nothing_wrong_with_the_units(installed):
    units = [installed / "lib/systemd/system/shunt.service",
             installed / "share/doc/shunt/examples/shunt.socket"]
    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, units)],
                             capture_output=True, text=True)
    said = [line for line in checked.stderr.splitlines() if "shunt" in line]
    assert not said and checked.returncode == 0, checked.stderr


def test_the_exposure_of_the_unit_is_at_most_two_of_ten():
    checked = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                              "--threshold=20", str(UNIT)], capture_output=True, text=True)
    last = checked.stdout.strip().splitlines()[-1]
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r"Overall exposure level for shunt.service: [01]\.[0-9]|: 2\.0", last), last


def test_the_units_user_is_one_that_sysusers_makes():
    lines = [line.split() for line in (ROOT / "systemd/sysusers.d/shunt.conf").read_text().splitlines()
             if line and not line.startswith("#")]
    assert [line[:2] for line in lines] == [["u", "shunt"]]
    assert settings("User") == settings("Group") == ["shunt"]


def allowed_system_calls():
    """The unit's SystemCallFilter= with systemd's sets expanded: an allow-list, then what is taken out."""
    def expand(name):
        if not name.startswith("@"):
            return {name}
        listed = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True,
                                capture_output=True, text=True).stdout
        members = [line.strip() for line in listed.splitlines()[1:]
                   if line.startswith("    ") and not line.strip().startswith("#")]
        return set().union(*map(expand, members))

    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE):
        calls = set().union(*map(expand, value.removeprefix("~").split()))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed


def test_the_filter_lets_io_uring_through_and_holds_back_what_a_proxy_never_needs():
    allowed = allowed_system_calls()
    assert {"io_uring_setup", "io_uring_enter", "io_uring_register", "prlimit64", "sched_setaffinity",
            "accept4", "connect", "fdatasync"} <= allowed
    assert not {"ptrace", "mount", "setuid", "chroot", "bpf", "kexec_load", "init_module"} & allowed


@pytest.mark.needs_tool("strace")
def test_every_system_call_of_a_days_work_passes_the_units_filter(daemon, origins, tmp_path):
    counts = tmp_path / "calls"
    # The calls from the daemon's own execve on, as systemd filters them.
    traced = script(tmp_path / "traced",
                    f"#!/bin/sh\n# A leak check under strace fails by itself.\nexport ASAN_OPTIONS=detect_leaks=0\n"
                    f"exec strace -f -qq -c -U name -o {counts} '{SHUNT}' \"$@\"\n")
    server = daemon(web("log: {access: {dir}/access.log}\n", blue=origins("blue"),
                        green=origins("green")), binary=traced)
    server.wait_healthy("green")
    for colour in ("green", "blue"):
        server.switch(colour)
        assert ask_colour(server.port) == colour
    child = int(Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text())
    os.kill(child, signal.SIGHUP)
    server.get("/metrics")
    os.kill(child, signal.SIGTERM)
    assert server.process.wait(PATIENCE_S) == 0
    called = {line.strip() for line in counts.read_text().splitlines()
              if re.fullmatch(r"\s*[a-z_0-9]+\s*", line)} - {"syscall", "total"}
    assert "io_uring_enter" in called
    assert called <= allowed_system_calls(), called - allowed_system_calls()
