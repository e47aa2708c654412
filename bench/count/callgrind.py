"""Reads what callgrind writes: instructions by function and line of one program, without its libraries."""
import collections
import re
from typing import NamedTuple

_NAME = re.compile(r"(c?(?:ob|fl|fn)|fi|fe|cfi)=(?:\((\d+)\))?\s?(.*)$")
_COST = re.compile(r"([+\-*]?)(\d*) (\d+)$")
# fi and fe: code that was inlined from another file, and the end of it. The c... are of calls.
_KINDS = {"ob": "ob", "cob": "ob", "fl": "fl", "fi": "fl", "fe": "fl", "cfi": "fl", "cfl": "fl",
          "fn": "fn", "cfn": "fn"}


class Place(NamedTuple):
    function: str
    file: str
    line: int


class UnknownFormat(Exception):
    pass


def self_costs(lines, program):
    """Instructions by Place that the object named `program` executed itself, calls not included."""
    costs = collections.Counter()
    names = {"ob": {}, "fl": {}, "fn": {}}
    now = {"ob": "", "fl": "", "fn": ""}
    line = 0
    of_call = False
    for row in lines:
        row = row.rstrip("\n")
        if row.startswith(("positions:", "events:")) and row.split() not in (["positions:", "line"], ["events:", "Ir"]):
            raise UnknownFormat(row)
        if row.startswith("calls="):
            of_call = True
        elif match := _NAME.match(row):
            key, number, name = match.groups()
            kind = _KINDS[key]
            if number is not None:
                if name:
                    names[kind][number] = name
                name = names[kind][number]
            if key[0] != "c":
                now["fl" if key in ("fi", "fe") else key] = name
        elif match := _COST.match(row):
            sign, digits, cost = match.groups()
            line = {"": 0, "+": line, "-": line, "*": line}[sign] + int(digits or 0) * (-1 if sign == "-" else 1)
            if of_call:
                of_call = False
            elif now["ob"].rsplit("/", 1)[-1] == program:
                costs[Place(now["fn"], now["fl"], line)] += int(cost)
    return costs


def source_of(path):
    """A file of the project as its path in it, whatever directory it was compiled in."""
    found = re.search(r"(?:^|/)((?:src|include/shunt)/\w+/[\w.]+)$", path)
    return found.group(1) if found else path


def part_of(path):
    """worker, ring or standard library: whose code it is."""
    source = source_of(path)
    if "/uring/" in source or "liburing" in source:
        return "ring"
    return "worker" if source.startswith(("src/", "include/")) else "standard library"
