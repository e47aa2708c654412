"""busy_poll: auto leaves the CPU to others where they use it, and says so."""

import os

import pytest

from harness import HeldClient, wait_for, web
from own_files import seeing

CPUS = sorted(os.sched_getaffinity(0))
HOLDS = {"cpu_quota", "many_workers", "cpu_unknown", "cpu_shared"}


class Machine:
    """What a daemon sees of the use of CPUs and of their limit."""

    def __init__(self, directory):
        directory.mkdir()
        self.stat, self.groups, own = directory / "stat", directory / "cgroup", directory / "own"
        (self.groups / "pods" / "one").mkdir(parents=True)
        own.write_text("0::/pods/one\n")
        self.ticks = 1000
        self.show()
        self.seen = seeing({"/proc/stat": self.stat, "/proc/self/cgroup": own, "/sys/fs/cgroup": self.groups})

    def show(self):
        """The ticks of tasks on each CPU: from one look to the next, what others had and the worker."""
        times = f"{self.ticks} 0 0 0 0 0 0 0 0 0\n"
        self.stat.write_text("cpu  " + times + "".join(f"cpu{cpu} " + times for cpu in CPUS))

    def use(self):
        """Others use all CPUs, a long time between one look and the next."""
        self.ticks += 1_000_000
        self.show()

    def hide(self):
        """A look finds nothing, and what the one before found stays."""
        self.stat.write_text("")


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / "machine")


def held(server):
    """By worker: what holds it off; empty where nothing does."""
    metrics = server.metrics()
    of_workers = []
    for worker in range(server.get("/v1/status")[1]["process"]["workers"]):
        series = {hold: metrics[f'shunt_worker_busy_poll_held{{worker="{worker}",reason="{hold}"}}'] for hold in HOLDS}
        assert set(series.values()) <= {0, 1} and sum(series.values()) <= 1, series
        of_workers.append("".join(hold for hold, on in series.items() if on))
    return of_workers


def in_status(server):
    process = server.get("/v1/status")[1]["process"]
    return process["busy_poll"], process["busy_poll_held"]


def watched(server):
    metrics = server.metrics()
    return sum(value for series, value in metrics.items() if series.startswith("shunt_worker_busy_poll_seconds_total"))


def started(server):
    event, = server.events("started")
    return event["message"]


def talk(client, times=200):
    for _ in range(times):
        assert client.ask() == "blue"


def test_a_worker_watches_while_nobody_else_uses_its_cpu_and_only_then(daemon, origins, machine):
    server = daemon(web("workers: 1\n", health="{type: off}", blue=origins("blue")), preexec=machine.seen)
    assert "busy_poll" not in started(server)
    with HeldClient(server.port) as client:
        for _ in range(2):
            wait_for(lambda: held(server) == [""], "a look that finds the CPU unused")
            assert in_status(server) == ("auto", "")
            before = watched(server)
            wait_for(lambda: talk(client) or watched(server) > before, "the worker to watch")

            def taken():
                machine.use()
                if held(server) != ["cpu_shared"]:
                    return False
                machine.hide()  # or the next look might come before others use it again
                return held(server) == ["cpu_shared"]

            wait_for(taken, "a look that finds the CPU used by others")
            assert in_status(server) == ("auto", "others use the CPU")
            talk(client, 1)  # ends a watch that had begun
            before = watched(server)
            talk(client)
            assert watched(server) == before
            machine.show()


def test_until_it_is_known_who_uses_the_cpu_no_worker_watches(daemon, origins, machine):
    machine.hide()
    server = daemon(web("workers: 1\n", health="{type: off}", blue=origins("blue")), preexec=machine.seen)
    assert in_status(server) == ("auto", "it is not known yet whether others use the CPU")
    assert held(server) == ["cpu_unknown"]
    with HeldClient(server.port) as client:
        talk(client)
    assert watched(server) == 0


def test_a_limit_of_the_cpu_time_holds_workers_off_and_is_named_at_the_start(daemon, origins, machine):
    (machine.groups / "pods" / "cpu.max").write_text("50000 100000\n")
    server = daemon(web("workers: 1\n", health="{type: off}", blue=origins("blue")), preexec=machine.seen)
    assert "; busy_poll is off: CPU time is limited by /sys/fs/cgroup/pods/cpu.max" in started(server)
    assert in_status(server) == ("auto", "a control group limits the CPU time")
    assert held(server) == ["cpu_quota"]
    with HeldClient(server.port) as client:
        talk(client)
    assert watched(server) == 0


def test_more_workers_than_cpus_hold_workers_off_and_are_named_at_the_start(daemon, origins, machine):
    workers = len(CPUS) + 1
    server = daemon(web(f"workers: {workers}\n", health="{type: off}", blue=origins("blue")), preexec=machine.seen)
    assert f"; busy_poll is off: {workers} workers on {len(CPUS)} CPU" in started(server)
    assert in_status(server) == ("auto", "workers are more than CPUs")
    assert held(server) == ["many_workers"] * workers
    with HeldClient(server.port) as client:
        talk(client)
    assert watched(server) == 0


@pytest.mark.parametrize("setting", ["off", "20us"])
def test_what_is_set_to_something_else_is_held_off_by_nothing(daemon, origins, machine, setting):
    (machine.groups / "cpu.max").write_text("50000 100000\n")
    server = daemon(web(f"workers: {len(CPUS) + 1}\nbusy_poll: {setting}\n", health="{type: off}",
                        blue=origins("blue")), preexec=machine.seen)
    assert "busy_poll" not in started(server)
    assert in_status(server) == (setting, "")
    assert set(held(server)) == {""}
    with HeldClient(server.port) as client:
        talk(client)
    assert (watched(server) > 0) == (setting != "off")
