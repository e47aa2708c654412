#!/usr/bin/python3
"""The data path beside its peers: shunt, HAProxy, HAProxy with splicing, nginx and no balancer, in one run."""
import argparse
import os
import platform
import signal
import sys
import time

import axes
import contestants
import load
import namespace
import report
from processes import Failed, Stage, descriptors_max

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WARM_UP_SHARE = 0.2
# Room beyond the idle connections: more than any other axis has.
CONNECTIONS_BESIDE = 1000


def names(kind, known):
    """An argparse type: a list of known names, separated by commas."""
    def parse(text):
        chosen = [name for name in text.split(",") if name]
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown) or 'nothing'}: no such {kind} (there are: {', '.join(known)})")
        return [name for name in known if name in chosen]
    return parse


def positive(kind):
    def parse(text):
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text}: expected more than 0")
        return value
    parse.__name__ = "number"
    return parse


def not_negative(text):
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 or more")
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench peers", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog="Exit code: 0 measured, whatever the targets; 1 could not measure, or answers were missing or wrong; "
               "2 wrong arguments; 130 interrupted. What was measured until then is not written. "
               "docs/performance.md says what the figures mean.")
    axis_names = [axis.name for axis in axes.AXES]
    parser.add_argument("--rounds", type=positive(int), default=3, metavar="N",
                        help="each axis and contestant once a round")
    parser.add_argument("--seconds", type=positive(float), default=5, metavar="S", help="of each measurement")
    parser.add_argument("--repeats", type=not_negative, default=2, metavar="N",
                        help="of a measurement, at most, where other work took more than a tenth of the CPUs meanwhile")
    parser.add_argument("--axes", type=names("axis", axis_names), metavar="A,B,…", default=",".join(axis_names),
                        help="which, separated by commas")
    parser.add_argument("--contestants", type=names("contestant", list(contestants.TITLES)),
                        metavar="A,B,…", default=",".join(contestants.TITLES), help="which, separated by commas")
    parser.add_argument("--congestion", choices=["machine", "bbr", "reno"], default="machine",
                        help="machine: as it is set; else in a network namespace of its own (needs root)")
    parser.add_argument("--idle-connections", type=positive(int), default=4000, metavar="N",
                        help="of the axis idle")
    parser.add_argument("--out", default="build/bench", metavar="DIR",
                        help="directory for peers.json, peers.md and peers.svg")
    parser.add_argument("--binaries", default=os.path.join(ROOT, "build/release/bin"), metavar="DIR",
                        help="where shunt and the bench tools are")
    return parser.parse_args()


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}"


def choose_cpus():
    """(CPU of the load, CPU of the balancers); None each where the process has only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def duration(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    """A line for each measurement, with the time passed and the one expected in all."""

    def __init__(self, estimates):
        self.estimates, self.done, self.began = estimates, 0, time.monotonic()

    def step(self, text):
        passed = time.monotonic() - self.began
        expected = passed + sum(self.estimates[self.done:])
        self.done += 1
        print(f"[{self.done:3d}/{len(self.estimates)}]  {duration(passed)} of about {duration(expected)}  {text}",
              flush=True)


def measure_undisturbed(axis, scene, contestant, repeats):
    """Measures again where other work had much of the CPUs meanwhile; of all tries the one with least of it."""
    tries = []
    while not tries or (len(tries) <= repeats and tries[-1].get("others", 0) >= report.DISTURBED):
        tries.append(axis.measure(scene, contestant))
    return {**min(tries, key=lambda values: values.get("others", 0)), "tries": len(tries)}


def measure_all(options, scene):
    chosen = [axis for axis in axes.AXES if axis.name in options.axes]
    plan = []
    for number in range(options.rounds):
        # Another one first in each round.
        turn = number % len(scene.contestants)
        order = scene.contestants[turn:] + scene.contestants[:turn]
        plan += [(number + 1, axis, one) for axis in chosen for one in order
                 if one.process or not getattr(axis, "needs_balancer", False)]
    progress = Progress([axis.estimate_s(scene) for _, axis, _ in plan])
    results = []
    for number, axis, one in plan:
        progress.step(f"round {number} of {options.rounds}, {axis.title}: {one.title}")
        results.append({"round": number, "axis": axis.name, "contestant": one.name,
                        "values": measure_undisturbed(axis, scene, one, options.repeats)})
    return chosen, results


def run(options):
    if options.congestion != "machine":
        namespace.enter(options.congestion)
    cpus = choose_cpus()
    used = list(cpus) if cpus[0] is not None else sorted(os.sched_getaffinity(0))
    connections_max = options.idle_connections + CONNECTIONS_BESIDE
    needed, descriptors = contestants.descriptors_needed(connections_max), descriptors_max()
    if descriptors < needed:
        raise Failed(f"needs {needed} descriptors, and the hard limit is {descriptors} (ulimit -Hn); fewer are needed "
                     "with less of --idle-connections")
    with Stage(options.binaries, cpus) as stage:
        http = load.start_origins(stage)
        server = load.start_stream_server(stage)
        nodes = contestants.Nodes(http=http, bulk=[server], connections_max=connections_max)
        scene = axes.Scene(stage=stage, cpus=used, nodes=nodes, control=server, seconds=options.seconds,
                           warm_up_s=min(1.0, options.seconds * WARM_UP_SHARE),
                           idle_connections=options.idle_connections)
        for name in options.contestants:
            scene.contestants.append(contestants.start(name, stage, nodes))
            print(f"{scene.contestants[-1].title}: {scene.contestants[-1].version}", flush=True)
        setup = {"date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC", "machine": machine(),
                 "congestion": namespace.congestion(), "namespace": options.congestion != "machine",
                 "load_cpu": cpus[0], "balancer_cpu": cpus[1], "descriptors": descriptors,
                 "rounds": options.rounds, "seconds": options.seconds, "repeats": options.repeats,
                 "warm_up_s": scene.warm_up_s, "idle_connections": options.idle_connections,
                 "contestants": {one.name: {"title": one.title, "version": one.version}
                                 for one in scene.contestants}}
        chosen, results = measure_all(options, scene)
    written = report.write(options.out, setup, chosen, results)
    print("\n" + written.markdown + "\nwritten: " + ", ".join(written.paths))
    for problem in written.problems:
        print("FAILED  " + problem, file=sys.stderr)
    return 1 if written.problems else 0


def main():
    options = parse_arguments()
    # A terminated benchmark ends its processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        return run(options)
    except Failed as failed:
        print(f"FAILED  {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
