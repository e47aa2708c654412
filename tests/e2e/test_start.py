"""Start-up: errors that say the cause and the way out, and what the machine allows."""

import contextlib
import ctypes
import errno
import os
import pathlib
import resource
import socket
import struct
import subprocess
import tempfile

import pytest

from harness import SHUNT, Daemon, ask_colour, connect, wait_for, web
from own_files import seeing

SYS_IO_URING_SETUP, SYS_IO_URING_ENTER, SYS_IO_URING_REGISTER = 425, 426, 427
SYS_FSYNC = 74 if os.uname().machine == "x86_64" else 82
SYS_SCHED_GETATTR = 315 if os.uname().machine == "x86_64" else 275


def bar(call, error=errno.EPERM):
    """A seccomp filter as containers have it: this system call fails."""
    load = struct.pack("HBBI", 0x20, 0, 0, 0)                     # the number of the call
    jump = struct.pack("HBBI", 0x15, 0, 1, call)
    deny = struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | error)
    allow = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
    code = ctypes.create_string_buffer(load + jump + deny + allow)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    program = Program(4, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0                        # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0    # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


@pytest.fixture
def open_path():
    """A temporary directory that other users may use. Not pytest's: every session that starts closes them all again."""
    with tempfile.TemporaryDirectory(prefix="shunt-start-") as path:
        os.chmod(path, 0o777)
        yield pathlib.Path(path)


def try_to_start(directory, text, preexec):
    """The exit code and the log of a daemon that may fail at the start; one that starts is ended."""
    server = Daemon(directory, text, wait_ready=False, preexec=preexec)
    server.start()
    wait_for(lambda: server.process.poll() is not None or " started " in server.log, "its end or its start")
    log = server.log
    server.finish_quietly()
    return server.process.returncode, log


def start_fails(tmp_path, config, says, **options):
    server = Daemon(tmp_path / "daemon", config, wait_ready=False, **options)
    server.start()
    try:
        assert server.process.wait(30) == 1, server.log
        for words in says:
            assert words in server.log, server.log
        assert "Traceback" not in server.log and "terminate called" not in server.log
    finally:
        server.finish_quietly()
    return server.log


def config(**fields):
    return web(blue=["127.0.0.1:1"], **fields)


def test_io_uring_barred_by_seccomp_names_seccomp_and_the_way_out(tmp_path):
    start_fails(tmp_path, config(), ["io_uring", "seccomp"], preexec=lambda: bar(SYS_IO_URING_SETUP))


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS])
@pytest.mark.parametrize("name,call", [("enter", SYS_IO_URING_ENTER), ("register", SYS_IO_URING_REGISTER)])
def test_io_uring_barred_in_part_names_the_call_and_the_way_out(tmp_path, name, call, error):
    says = [f"barred by a seccomp profile: it lets io_uring_setup pass and not io_uring_{name}",
            "allow io_uring_setup, io_uring_enter and io_uring_register"]
    log = start_fails(tmp_path, config(), says, preexec=lambda: bar(call, error))
    assert "bug:" not in log


@pytest.mark.parametrize("value,says", [
    (1, ["barred for this user (kernel.io_uring_disabled = 1)", "kernel.io_uring_disabled=0"]),
    (2, ["switched off on this machine (kernel.io_uring_disabled = 2)", "sysctl kernel.io_uring_disabled=0"]),
])
def test_io_uring_barred_by_the_sysctl_names_it_and_the_way_out(tmp_path, value, says):
    """The machine's own value stays: the daemon sees another file in its place, and the call fails as it would."""
    own = tmp_path / "io_uring_disabled"
    own.write_text(f"{value}\n")

    see = seeing({"/proc/sys/kernel/io_uring_disabled": own})

    def barred():
        see()
        bar(SYS_IO_URING_SETUP)

    start_fails(tmp_path, config(), says, preexec=barred)


@pytest.mark.parametrize("limit", [7, 8, 9, 10, 11, 12, 13, 14, 16, 20, 64, 200])
def test_a_start_with_few_descriptors_says_how_to_have_more(tmp_path, limit):
    """One that is too low for the program's own files as well as one that leaves none to connections."""
    if limit < 64 and sanitized():
        pytest.skip("a sanitizer takes memory that it has no pipe to look at for wrong")
    start_fails(tmp_path, config(), ["LimitNOFILE="],
                preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))


def test_a_disk_that_fails_is_told_with_a_way_out(tmp_path):
    start_fails(tmp_path, config(), ["cannot sync", "Input/output error", "state.dir"],
                preexec=lambda: bar(SYS_FSYNC, errno.EIO))


def test_an_address_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = config().replace("{listen}", str(port))
        start_fails(tmp_path, text, [f"127.0.0.1:{port}", "in use"])


def test_a_second_daemon_on_the_same_address_is_refused(tmp_path, daemon):
    first = daemon(config())
    text = config().replace("{listen}", str(first.port))
    start_fails(tmp_path / "second", text, [f"127.0.0.1:{first.port}", "in use"])


def test_a_daemon_that_was_killed_starts_again_at_once(daemon, origins):
    server = daemon(web("workers: 8\n", blue=origins("blue")))
    for _ in range(8):
        with contextlib.ExitStack() as held:
            for _ in range(100):
                held.enter_context(connect(server.port))
            server.kill()  # the kernel closes the listeners when it has taken the rings apart
            server.start()
            assert ask_colour(server.port) == "blue"


def test_a_file_that_lacks_the_live_pool_is_named_with_a_way_that_works(daemon, origins):
    server = daemon(web(blue=origins("blue"), green=origins("green")))
    server.wait_healthy("blue")
    server.wait_healthy("green")
    server.switch("green")
    assert server.stop() == 0
    with_green = server.config_path.read_text()
    without_green = with_green.replace("      green:", "      violet:")
    server.config_path.write_text(without_green)
    server.wait_ready = False
    server.start()
    assert server.process.wait(30) == 1
    assert f"pool green is active, but {server.config_path} does not define it" in server.log
    assert "put the pool back into the file and start; shunt rollback then makes blue live" in server.log
    server.wait_ready = True
    server.config_path.write_text(with_green)
    server.start()
    server.wait_healthy("blue")
    server.run("rollback", check=True)
    assert server.stop() == 0
    server.config_path.write_text(without_green)
    server.start()
    assert server.app()["active"] == "blue"


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path, daemon):
    first = daemon(config())
    text = f"state: {{dir: {first.directory}/state}}\n" + config()
    start_fails(tmp_path / "second", text, ["state"])


@pytest.mark.skipif(os.geteuid() != 0, reason="takes privileges away, so it needs some")
def test_a_privileged_port_without_privileges_names_the_capability(open_path):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= 1023:
            pytest.skip("every port is unprivileged here")

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)

    text = f"state: {{dir: {open_path}/state}}\nadmin: {{socket: {open_path}/admin.sock}}\n" + config()
    text = text.replace("{listen}", "1023")
    start_fails(open_path, text, ["CAP_NET_BIND_SERVICE"], preexec=become_nobody)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes privileges away, so it needs some")
def test_a_start_without_threads_says_what_could_not_be_started(open_path):
    wanted = {"the thread of the log", "a worker thread", "the thread that writes decisions",
              "the thread of the access log"}
    uid = 65500    # nobody's: the limit counts all processes of a user
    seen = set()
    for threads in range(1, 8):

        def become_poor():
            resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
            os.setgid(uid)
            os.setuid(uid)

        text = (f"workers: 1\nstate: {{dir: {open_path}/state-{threads}}}\n"
                f"admin: {{socket: {open_path}/admin-{threads}.sock}}\n" + config())
        code, log = try_to_start(open_path / f"daemon-{threads}", text, become_poor)
        if " started " in log:
            break
        assert code == 1, log
        assert "ulimit -u" in log and "terminate called" not in log, log
        seen |= {name for name in wanted if f"cannot start {name}: " in log}
    assert seen == wanted


def sanitized():
    libraries = subprocess.run(["ldd", SHUNT], capture_output=True, text=True, timeout=30).stdout
    return "libasan" in libraries or "libtsan" in libraries


def test_a_start_without_memory_says_so_with_the_way_out(tmp_path):
    if sanitized():
        pytest.skip("a sanitizer needs terabytes of address space")
    for megabytes in range(20, 120, 5):

        def small():
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

        code, log = try_to_start(tmp_path / f"daemon-{megabytes}", "workers: 1\n" + config(), small)
        if " started " in log:
            break
        if "error while loading shared libraries" not in log:
            assert code == 1 and "ulimit -v" in log, (megabytes, log)


def test_more_connections_than_descriptors_allow_is_refused_with_the_figures(tmp_path):
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))

    start_fails(tmp_path, config(extra="limits: {connections: 5000}\n"), ["5000", "1024"], preexec=few_descriptors)


def test_the_capacity_that_follows_from_descriptors_is_printed(daemon):
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))

    server = daemon(config(), preexec=few_descriptors)
    capacity = server.get("/v1/status")[1]["process"]["capacity"]
    assert 0 < capacity <= 512
    wait_for(lambda: f"room for {capacity} connections" in server.log, "the line that says so")


def test_a_source_that_the_machine_lacks_is_warned_of_by_check_and_at_the_start(daemon):
    server = daemon(config(extra="source: [127.0.0.1, 192.0.2.1]\n"))     # TEST-NET-1: nobody's
    words = ":21: source[1]: 192.0.2.1 is not an address of this machine"
    wait_for(lambda: words in server.log, "the warning")
    done = subprocess.run([SHUNT, "check", str(server.config_path)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and words in done.stderr, done
    assert "warning: " in done.stderr and "source: auto" in done.stderr, done


def test_a_listen_address_that_the_machine_lacks_is_a_warning_of_check(tmp_path):
    path = tmp_path / "elsewhere.yaml"
    path.write_text(config().replace("127.0.0.1:{listen}", "192.0.2.1:8080"))
    done = subprocess.run([SHUNT, "check", str(path)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    assert "warning: " in done.stderr and "192.0.2.1 is not an address of this machine: a start here" in done.stderr


@pytest.mark.parametrize("text,place", [
    ("apps:\n  web:\n    initial: blue\n    lisen: 8080\n    pools: {blue: ['127.0.0.1:1']}\n", "4:5"),
    ("apps: [\n", "2:1:"),
    ("", " "),
    ("apps:\n  web:\n    initial: red\n    listen: 1\n    pools: {blue: ['127.0.0.1:1']}\n", "3:"),
    ("apps:\n  web:\n    initial: blue\n    listen: 70000\n    pools: {blue: ['127.0.0.1:1']}\n", "4:"),
    ("apps:\n  web:\n    initial: blue\n    listen: 80\n    pools: {blue: []}\n", "5:"),
])
def test_a_bad_file_is_named_with_its_place_by_check_and_serve(tmp_path, text, place):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    for verb in (["check", str(path)], ["serve", "--config", str(path)]):
        done = subprocess.run([SHUNT, *verb], capture_output=True, text=True, timeout=30)
        assert done.returncode in (1, 3), done
        assert f"bad.yaml:{place}" in done.stdout + done.stderr


def test_check_accepts_the_shipped_files():
    here = os.path.dirname(os.path.abspath(__file__))
    for name in ("shunt.yaml", "demo.yaml"):
        done = subprocess.run([SHUNT, "check", f"{here}/../../config/{name}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def slice_ns(tid):
    """The time slice that a thread asked for or was given (kernel >= 6.12), from sched_getattr."""
    attributes = ctypes.create_string_buffer(48)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(SYS_SCHED_GETATTR, tid, attributes, len(attributes), 0) == 0
    return struct.unpack_from("Q", attributes, 24)[0]


def test_the_control_side_alone_has_short_time_slices(daemon):
    server = daemon(config())
    pid = server.process.pid
    tasks = pathlib.Path(f"/proc/{pid}/task")
    # A thread gives itself its name, when it runs first.
    wait_for(lambda: any((task / "comm").read_text() == "shunt-persist\n" for task in tasks.iterdir()), "its name")
    slices = {"shunt": slice_ns(pid)}
    for task in tasks.iterdir():
        slices.setdefault((task / "comm").read_text().strip(), slice_ns(int(task.name)))
    if not slices["shunt"]:
        pytest.skip("this kernel has no time slices of threads")
    workers = [slices[name] for name in slices if name.startswith("shunt-w")]
    assert slices["shunt"] == 100_000 and slices["shunt-persist"] == 100_000, slices
    assert workers and all(slice > 100_000 for slice in workers), slices
