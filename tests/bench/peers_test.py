#!/usr/bin/python3
"""./dev bench peers as its users run it, shortly. Usage: peers_test.py DIRECTORY_OF_BINARIES"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAIN = os.path.join(ROOT, "bench/peers/main.py")
BINARIES = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/release/bin")
BALANCERS = ["shunt", "haproxy", "haproxy-splice", "nginx"]
AXES = ["conn64", "connect", "both", "idle", "fairness", "latency"]
WITHOUT_TARGET = {"both"}
PATIENCE_S = 200


def command(*arguments):
    return [sys.executable, "-B", MAIN, "--binaries", BINARIES, *arguments]


def running_in(directory):
    """Command lines that name the directory: every balancer of the benchmark does."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if directory in line and int(pid) != os.getpid():
            found.append(line)
    return found


def may_make_namespaces():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"], capture_output=True,
                                                check=False).returncode == 0


def congestion():
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        return file.read().strip()


class Peers(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="peers-test-")
        self.temporary = os.path.join(self.directory, "tmp")
        os.mkdir(self.temporary)
        self.environment = {**os.environ, "TMPDIR": self.temporary}
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", self.directory], check=False))

    def run_it(self, *arguments):
        return subprocess.run(command(*arguments), env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.temporary), [])
        self.assertEqual(running_in(self.temporary), [])

    def assert_sane(self, axis, contestant, values):
        what = f"{axis} {contestant}: {values}"
        self.assertEqual(values.get("errors", 0), 0, what)
        if axis == "idle":
            for key in ("before_b", "after_b"):
                self.assertTrue(50 < values[key] < 100_000, what)
            return
        rate = "rate_gb_s" if axis == "both" else "rate"
        own, machine = ("own_s_gb", "machine_s_gb") if axis == "both" else ("own_us", "machine_us")
        self.assertGreater(values[rate], 0, what)
        if axis != "both":
            self.assertTrue(0 < values["p50_us"] <= values["p99_us"], what)
        if axis == "both":
            self.assertTrue(values["down_gb_s"] > 0 and values["up_gb_s"] > 0, what)
        if axis == "fairness":
            self.assertGreater(values["stream_gb_s"], 0, what)
        if axis not in ("latency", "fairness"):
            self.assertGreater(values[machine], 0, what)
            self.assertEqual(own in values, contestant != "direct", what)
            self.assertLess(values.get(own, 0), values[machine], what)
        if contestant != "direct":
            self.assertTrue(0 < values["own_busy"] < 2, what)

    def test_every_contestant_has_sane_values_on_every_axis(self):
        out = os.path.join(self.directory, "out")
        ended = self.run_it("--rounds", "1", "--seconds", "0.3", "--repeats", "0", "--axes", ",".join(AXES),
                            "--idle-connections", "200", "--out", out)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("of about", ended.stdout)
        self.assertIn("shunt / best peer", ended.stdout)
        with open(os.path.join(out, "peers.json"), encoding="utf-8") as file:
            found = json.load(file)
        wanted = {(axis, name) for axis in AXES for name in BALANCERS + ["direct"]} - {("idle", "direct")}
        self.assertEqual({(one["axis"], one["contestant"]) for one in found["results"]}, wanted)
        for one in found["results"]:
            self.assert_sane(one["axis"], one["contestant"], one["values"])
        for axis in AXES:
            self.assertIn(axis, found["ratios"])
        self.assertEqual({one["axis"] for one in found["targets"]}, set(AXES) - WITHOUT_TARGET)
        for name in BALANCERS:
            self.assertRegex(found["setup"]["contestants"][name]["version"], r"\d+\.\d+")
        with open(os.path.join(out, "peers.md"), encoding="utf-8") as file:
            self.assertIn("### Targets", file.read())
        xml.etree.ElementTree.parse(os.path.join(out, "peers.svg"))
        self.assert_nothing_left()

    @unittest.skipUnless(may_make_namespaces(), "a network namespace cannot be made here")
    def test_another_congestion_control_is_for_the_benchmark_alone(self):
        out = os.path.join(self.directory, "out")
        before = congestion()
        ended = self.run_it("--rounds", "1", "--seconds", "0.2", "--repeats", "0", "--axes", "up", "--contestants",
                            "shunt,haproxy-splice", "--idle-connections", "10", "--congestion", "reno", "--out", out)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        with open(os.path.join(out, "peers.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["setup"]["congestion"], "reno")
        self.assertEqual(congestion(), before)

    def test_an_interrupt_ends_everything_that_it_started(self):
        with subprocess.Popen(command("--seconds", "60", "--axes", "conn64", "--idle-connections", "10"),
                              env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as one:
            for line in one.stdout:
                if line.startswith("[") and "64 connections" in line:
                    break
            self.assertEqual(len(os.listdir(self.temporary)), 1)
            one.send_signal(signal.SIGINT)
            one.communicate(timeout=PATIENCE_S)
        self.assertEqual(one.returncode, 130)
        self.assert_nothing_left()

    def test_wrong_arguments_are_told_with_what_there_is(self):
        for arguments, told in ((["--axes", "conn65"], "conn64"), (["--contestants", "envoy"], "haproxy-splice"),
                                (["--rounds", "0"], "more than 0"), (["--congestion", "vegas"], "reno")):
            ended = self.run_it(*arguments)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn(told, ended.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
