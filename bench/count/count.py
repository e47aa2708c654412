#!/usr/bin/python3
"""Counts the instructions of shunt's data path, exactly, and holds them against bench/count/counts.json.
Usage: count.py [--where] [--load LOAD] [--update REASON] BENCH_COUNT
Exit code 1: something grew and the file does not say so; 2: it cannot be counted here."""
import argparse
import collections
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile

import callgrind
import history

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counts.json")
# Load: how many units are counted, and what one is.
LOADS = {"message": (1000, "message, one connection"),
         "message_64": (1024, "message, 64 connections, 8 at a time"),
         "connection": (512, "connection, one at a time"),
         "connection_16": (512, "connection, 16 at a time"),
         "bulk": (32, "MiB")}
# Nothing of the caller's surroundings changes what is run or counted.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


class CannotCount(Exception):
    pass


def run(command):
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotCount(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def profile(program, load, units):
    """What a whole run asked of the kernel, and its instructions by place."""
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out")
        asked = json.loads(run(["valgrind", "--command-line-only=yes", "--tool=callgrind", "--dump-line=yes",
                                f"--callgrind-out-file={out}", program, load, str(units)]))
        with open(out, encoding="utf-8") as file:
            places = callgrind.self_costs(file, os.path.basename(program))
    if not places:
        raise CannotCount(f"{load}: the profile has nothing of {program}")
    return collections.Counter(asked), places


def second_half(program, load, units):
    """The difference between two lengths: what the later units cost, without the start and the end."""
    shorter, longer = profile(program, load, units), profile(program, load, 2 * units)
    for all_of_them, first in zip(longer, shorter):
        all_of_them.subtract(first)
    return longer


def count(program, load):
    units = LOADS[load][0]
    asked, places = second_half(program, load, units)
    if (asked, places) != second_half(program, load, units):
        raise CannotCount(f"{load}: two runs do not agree; a count that is not exact is none")
    operations = sum(n for name, n in asked.items() if name.startswith("ring."))
    calls = sum(n for name, n in asked.items() if name.startswith("call."))
    return {"units": units, "instructions": sum(places.values()), "operations": operations,
            "enters": asked["enter"], "calls": calls}, asked, places


def number(value):
    return "-" if value is None else f"{value:,.2f}"


def print_lines(lines):
    print(f"{'for each':38}  {'':12} {'now':>12} {'before':>12} {'ratio':>7}")
    last = None
    for line in lines:
        name = LOADS[line.load][1] if line.load != last else ""
        last = line.load
        ratio = "-" if line.ratio is None else f"{line.ratio:.3f}"
        mark = "  new" if line.before is None else "  grown" if line.grown else ""
        print(f"{name:38}  {line.figure:12} {number(line.now):>12} {number(line.before):>12} {ratio:>7}{mark}")


def print_where(load, units, asked, places):
    """Whose instructions they are, by part, file and function."""
    print(f"\n{LOADS[load][1]}: instructions for each")
    for title, key, most in (("", lambda place: callgrind.part_of(place.file), 3),
                             ("by source file", lambda place: callgrind.source_of(place.file), 12),
                             ("by function, others inlined into it", lambda place: place.function, 12),
                             ("by line", lambda place: f"{callgrind.source_of(place.file)}:{place.line}", 8)):
        if title:
            print(f"  {title}")
        sums = collections.Counter()
        for place, cost in places.items():
            sums[key(place)] += cost
        for name, cost in sums.most_common(most):
            print(f"  {cost / units:10,.2f}  {name.replace('shunt::', '').replace('<uring::SystemKernel>', '')[:110]}")
    print("  asked of the kernel: " + ", ".join(f"{name.split('.')[-1]} {n / units:.2f}" for name, n in asked.items() if n))


def judge(entry, build, lines):
    """What is to be said of the lines, and the exit code."""
    if entry is not None and not history.binding(entry, build):
        return (f"The kept counts are of another build, so nothing is concluded.\n  kept: {entry['build']}\n"
                f"  here: {build}"), 0
    grown = [line for line in lines if line.grown]
    if not grown:
        better = any(line.before is not None and line.now < line.before for line in lines)
        return "Some are lower than the file says; keep that with --update REASON." if better else "", 0
    text = ["The data path costs more than bench/count/counts.json says:"]
    for line in grown:
        growth = "(not in the file)" if line.before is None else f"({line.ratio - 1:+.1%})" if line.ratio else "(from none)"
        text.append(f"  {LOADS[line.load][1]}: {number(line.before)} -> {number(line.now)} {line.figure} {growth}")
    text += [f"Instructions may grow by {history.INSTRUCTIONS_SLACK:.0%}, operations, enters and calls not at all.",
             "  ./dev bench count --where             shows where they are",
             "  ./dev bench count --update 'REASON'   where it is worth the cost: writes the new counts with the",
             "                                        reason into the file, which belongs to the same commit"]
    return "\n".join(text), 1


def main():
    parser = argparse.ArgumentParser(prog="./dev bench count", description="Counts the instructions of the data path.")
    parser.add_argument("program", metavar="BENCH_COUNT", help=argparse.SUPPRESS)
    parser.add_argument("--where", action="store_true", help="show where the instructions are")
    parser.add_argument("--update", metavar="REASON", help="keep what is counted, with the reason")
    parser.add_argument("--load", action="append", choices=list(LOADS), help="only this one; may be repeated")
    options = parser.parse_args()
    if options.update is not None and (options.load or not options.update.strip()):
        parser.error("--update needs a reason and every load")
    program = os.path.abspath(options.program)
    if shutil.which("valgrind", path=ENVIRONMENT["PATH"]) is None:
        raise CannotCount("valgrind is missing: ./dev deps bench")

    build = run([program, "--build"]).strip()
    entries = history.read(FILE)
    entry = entries[-1] if entries else None
    counted = {load: count(program, load) for load in options.load or LOADS}
    loads = {load: result[0] for load, result in counted.items()}
    lines = history.compare(entry, loads)
    print_lines(lines)
    if options.where:
        for load, (figures, asked, places) in counted.items():
            print_where(load, figures["units"], asked, places)
    if options.update is not None:
        date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        history.write(FILE, entries + [{"date": date, "reason": options.update.strip(), "build": build, "loads": loads}])
        print(f"Written to {os.path.relpath(FILE)}.")
        return 0
    text, code = judge(entry, build, lines)
    if text:
        print(text)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotCount as error:
        print(f"count.py: {error}", file=sys.stderr)
        sys.exit(2)
