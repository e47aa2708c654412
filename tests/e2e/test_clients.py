"""Real clients and real servers through shunt: what people would put behind it."""

import os
import pwd
import shutil
import subprocess

import pytest

from harness import connect, free_port, wait_for, web


def answers(port):
    try:
        connect(port, timeout=2).close()
        return True
    except OSError:
        return False


@pytest.fixture
def server_process(tmp_path):
    """server_process([...], port) runs a server in the foreground until the test ends."""
    running = []

    def start(command, port, **options):
        log = open(tmp_path / f"server{len(running)}.log", "wb")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        log.close()
        running.append(process)

        def up():
            assert process.poll() is None, (tmp_path / f"server{len(running) - 1}.log").read_text()
            return answers(port)

        wait_for(up, f"{command[0]} to listen on {port}")
        return process

    yield start
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(*command, timeout=120, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def nginx(tmp_path, server_process, colour, body_bytes=0):
    port = free_port()
    root = tmp_path / f"nginx-{colour}"
    root.mkdir()
    root.chmod(0o755)
    (root / "index.html").write_text(colour + "\n")
    if body_bytes:
        (root / "big").write_bytes(os.urandom(body_bytes))
    (root / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {root}/pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000; keepalive_timeout 60s;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}; add_header X-Colour {colour}; }}
}}
""")
    server_process(["nginx", "-c", str(root / "nginx.conf"), "-p", str(root)], port)
    return port


def through(daemon, blue_port, green_port=None):
    colours = {"blue": [f"127.0.0.1:{blue_port}"]}
    if green_port:
        colours["green"] = [f"127.0.0.1:{green_port}"]
    server = daemon(web(**colours))
    for colour in colours:
        server.wait_healthy(colour)
    return server


def test_curl_and_a_switch_between_two_nginx(daemon, tmp_path, server_process):
    blue = nginx(tmp_path, server_process, "blue", body_bytes=3_000_000)
    server = through(daemon, blue, nginx(tmp_path, server_process, "green"))
    url = f"http://127.0.0.1:{server.port}/"
    assert run("curl", "-sS", url) == "blue\n"
    run("curl", "-sS", "-o", str(tmp_path / "got"), url + "big")
    assert (tmp_path / "got").read_bytes() == (tmp_path / "nginx-blue/big").read_bytes()
    switch = run("curl", "-sS", "--unix-socket", server.socket, "-H", "Content-Type: application/json",
                 "-d", '{"to": "green"}', "http://localhost/v1/apps/web/switch")
    assert '"changed":true' in switch.replace(" ", "")
    assert run("curl", "-sS", url) == "green\n"


def test_wrk_sees_no_error_while_the_pool_is_switched(daemon, tmp_path, server_process):
    server = through(daemon, nginx(tmp_path, server_process, "blue"), nginx(tmp_path, server_process, "green"))
    load = subprocess.Popen(["wrk", "-t1", "-c32", "-d3s", "-H", "Connection: close",
                             f"http://127.0.0.1:{server.port}/"], stdout=subprocess.PIPE, text=True)
    turn = 0
    while load.poll() is None:
        turn += 1
        server.switch(("green", "blue")[turn % 2])
    out = load.stdout.read()
    load.stdout.close()
    assert load.returncode == 0 and turn > 20
    assert "Socket errors" not in out and "Non-2xx" not in out, out


def test_redis_benchmark(daemon, tmp_path, server_process):
    port = free_port()
    server_process(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
                   port)
    server = through(daemon, port)
    out = run("redis-benchmark", "-p", str(server.port), "-n", "5000", "-c", "20", "-P", "4", "-q",
              "-t", "set,get,lpush,lrange_100")
    assert "SET" in out and "Error" not in out


def test_pgbench(daemon, tmp_path, server_process):
    binaries = sorted(p for p in os.listdir("/usr/lib/postgresql") if p.isdigit())[-1]
    path = f"/usr/lib/postgresql/{binaries}/bin"
    home = subprocess.check_output(["mktemp", "-d", "/tmp/shunt-pg-XXXXXX"], text=True).strip()
    as_user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "cwd": home}
    try:
        port = free_port()
        run(f"{path}/initdb", "-D", f"{home}/data", "-A", "trust", "-U", "shunt", "--no-sync", **as_user)
        server_process([f"{path}/postgres", "-D", f"{home}/data", "-p", str(port), "-k", home, "-c", "fsync=off",
                        "-c", "listen_addresses=127.0.0.1"], port, **as_user)
        server = through(daemon, port)
        at = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "shunt"]
        wait_for(lambda: subprocess.run(["psql", *at, "-c", "select 1", "postgres"],
                                        capture_output=True).returncode == 0, "PostgreSQL to take connections")
        run(f"{path}/pgbench", "-i", "-q", *at, "postgres")
        out = run(f"{path}/pgbench", "-c", "8", "-t", "50", *at, "postgres")
        assert "number of failed transactions: 0" in out
        out = run(f"{path}/pgbench", "-C", "-S", "-c", "4", "-t", "20", *at, "postgres")  # connects each time
        assert "number of failed transactions: 0" in out
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("direction", [[], ["-R"], ["--bidir"]], ids=["up", "down", "both"])
def test_iperf3(daemon, server_process, direction):
    port = free_port()
    server_process(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(port)], port)
    server = through_without_checks(daemon, port)
    out = run("iperf3", "-c", "127.0.0.1", "-p", str(server.port), "-t", "1", "-P", "2", *direction)
    assert "receiver" in out


def through_without_checks(daemon, port):
    """iperf3 serves one test at a time: a health check would take the place of one."""
    config = web(blue=[f"127.0.0.1:{port}"])
    lines = ["    health: {type: off}" if line.startswith("    health:") else line for line in config.splitlines()]
    return daemon("\n".join(lines) + "\n")


def test_scp(daemon, tmp_path, server_process):
    port = free_port()
    for name in ("host", "client"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name))
    (tmp_path / "authorized").write_text((tmp_path / "client.pub").read_text())
    (tmp_path / "sshd_config").write_text(f"""
ListenAddress 127.0.0.1:{port}
HostKey {tmp_path}/host
AuthorizedKeysFile {tmp_path}/authorized
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
Subsystem sftp internal-sftp
""")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    server_process(["/usr/sbin/sshd", "-D", "-e", "-f", str(tmp_path / "sshd_config")], port)
    server = through(daemon, port)
    (tmp_path / "sent").write_bytes(os.urandom(5_000_000))
    options = ["-i", str(tmp_path / "client"), "-P", str(server.port), "-o", "StrictHostKeyChecking=no",
               "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"]
    user = pwd.getpwuid(os.geteuid()).pw_name
    run("scp", *options, str(tmp_path / "sent"), f"{user}@127.0.0.1:{tmp_path}/got")
    assert (tmp_path / "got").read_bytes() == (tmp_path / "sent").read_bytes()


