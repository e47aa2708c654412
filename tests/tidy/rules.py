#!/usr/bin/python3
"""Rules of the source tree that no compiler holds: usage rules.py ROOT. Each rule is a function from
a SourceFile to findings; selftest.py plants a violation of each."""
import fnmatch
import re
import sys

from source_tree import Finding, source_files

# Floors: a module may include modules of lower floors only.
FLOORS = {"base": 0, "uring": 1, "traffic": 1, "proxy": 2, "control": 3, "observe": 4, "admin": 5,
          "cli": 6, "app": 7}

# Third-party headers, by prefix, and the files under src and include that may use them.
THIRD_PARTY = [
    ("liburing", ["src/uring/*", "include/shunt/uring/*"]),
    ("linux/io_uring", ["src/uring/*", "include/shunt/uring/*"]),
    ("boost/beast", ["src/admin/*", "src/cli/*"]),
    ("boost/", ["src/control/*", "src/observe/*", "src/admin/*", "src/cli/*", "src/app/*",
                "include/shunt/control/*", "include/shunt/observe/*", "include/shunt/admin/*"]),
    ("yaml-cpp/", ["src/control/config*"]),
    ("prometheus/", ["src/observe/metrics*"]),
    ("spdlog/", ["src/observe/logging*"]),
    ("fmt/", ["src/observe/logging*"]),
    ("CLI/", ["src/cli/*", "src/app/*"]),
    ("systemd/", ["src/app/*"]),
]

# Floors on the data path: an exception there would be a hidden branch and an allocation.
NO_THROW = {"base", "uring", "traffic", "proxy"}

# Longest file, in lines, by top directory. A file is one thing; tests repeat themselves more.
LINES_MAX = {"include": 400, "src": 400, "bench": 400, "tests": 600}

# Files that may sleep, each with its reason.
MAY_SLEEP = {
    "bench/*": "a load generator keeps a schedule of time; nothing is concluded from a sleep",
    "src/proxy/listen_sockets.cpp": "polls, at start and with a bound: the kernel tells nobody when it lets a port go",
    "src/uring/ring.cpp": "between tries, with a bound: the kernel tells nobody when it has memory again",
    "tests/tidy/*": "names the calls that it forbids",
    "tests/e2e/harness.py": "polls a condition with a deadline; the one place that does",
    "tests/unit/proxy/harness.hpp": "the same for sockets and counters: polls a condition with a deadline",
}
SLEEPS = r"\bsleep_(?:for|until)\b|\bu?sleep\s*\(|\bnanosleep\b"


def floors(file):
    for include in file.includes:
        match = re.match(r"(?:shunt|src)/(\w+)/", include.target)
        if not match or file.module is None or match.group(1) == file.module:
            continue
        other = match.group(1)
        if other not in FLOORS or file.module not in FLOORS:
            yield include.line, f"{other} or {file.module} has no floor: add it to FLOORS"
        elif FLOORS[other] >= FLOORS[file.module]:
            yield include.line, f"{file.module} includes {other}, which is not below it"


def private_headers(file):
    for include in file.includes:
        match = re.match(r"src/(\w+)/", include.target)
        if not match:
            continue
        owner = match.group(1)
        if file.path.startswith("include/"):
            yield include.line, f"a front door includes the private {include.target}"
        elif file.module is not None and file.module != owner:
            yield include.line, f"{include.target} is private to {owner}"
        elif file.path.startswith("tests/unit/") and file.path.split("/")[2] != owner:
            yield include.line, f"{include.target} is private to {owner}: test it in tests/unit/{owner}"
        elif file.path.startswith("bench/") and not file.path.startswith("bench/micro/"):
            yield include.line, f"{include.target} is private to {owner}"


def repo_rooted(file):
    for include in file.includes:
        if include.quoted and not re.match(r"(?:shunt|src|tests|bench)/", include.target):
            yield include.line, f'"{include.target}" does not start at shunt/, src/, tests/ or bench/'


def third_party(file):
    if not file.path.startswith(("src/", "include/")):
        return
    for include in file.includes:
        for prefix, allowed in THIRD_PARTY:
            if include.target.startswith(prefix):
                if not any(fnmatch.fnmatch(file.path, pattern) for pattern in allowed):
                    yield include.line, f"<{include.target}> is for {', '.join(allowed)} only"
                break


def no_throw(file):
    if file.module in NO_THROW:
        for line, _ in file.matches(r"\bthrow\b"):
            yield line, f"{file.module} never throws: return a Result, or SHUNT_CHECK our own bugs"


def file_length(file):
    lines = file.text.count("\n")
    most = LINES_MAX[file.path.split("/")[0]]
    if lines > most:
        yield lines, f"{lines} lines, {most} at most: is it still one thing?"


def include_guard(file):
    if file.path.endswith(".hpp"):
        count = len(re.findall(r"^#pragma once$", file.text, re.MULTILINE))
        if count != 1:
            yield 1, f"{count} times #pragma once instead of once"
        for line, _ in file.matches(r"#\s*ifndef\s+\w*_(?:H|HPP|H_|HPP_)\b"):
            yield line, "an include guard macro beside #pragma once"


def whitespace(file):
    for number, line in enumerate(file.text.split("\n"), 1):
        if "\t" in line:
            yield number, "tab"
        if line != line.rstrip():
            yield number, "trailing blank"
    if file.text and not file.text.endswith("\n"):
        yield file.line_of(len(file.text)), "no newline at the end"


def no_fences(file):
    for line, _ in file.matches(r"\batomic_(?:thread|signal)_fence\b" if file.is_cpp else r"(?!)"):
        yield line, "ThreadSanitizer does not model fences: order the accesses themselves"


def publication_orders(file):
    """The model proves the protocol with the orders of publication_orders.hpp, so the product may use no other."""
    if not re.fullmatch(r"(?:include/shunt|src)/proxy/publication\.[ch]pp", file.path):
        return
    for line, text in file.matches(r"\bmemory_order\w*"):
        yield line, f"{text}: orders stand in publication_orders.hpp, where the model reads them"
    used = set()
    for access in re.finditer(r"(?:\.|->)(?:load|store|exchange|fetch_\w+|compare_exchange_\w+)\s*(\()", file.code):
        end, depth = access.end(1), 1
        while depth and end < len(file.code):
            depth += {"(": 1, ")": -1}.get(file.code[end], 0)
            end += 1
        arguments = file.code[access.end(1):end]
        line = file.line_of(access.start())
        named = re.findall(r"\bkPublicationOrders\.(\w+)", arguments)
        if not named and "memory_order" not in arguments:
            yield line, "an access without an order of kPublicationOrders: the model does not know it"
        for order in named:
            if order in used:
                yield line, f"{order} is the order of another access: give this one its own, and to the model"
            used.add(order)


def no_sleeps(file):
    if any(fnmatch.fnmatch(file.path, pattern) for pattern in MAY_SLEEP):
        return
    for line, text in file.matches(SLEEPS):
        yield line, f"{text.strip(' (')}: wait for a condition instead (or add to MAY_SLEEP with the reason)"


def no_marks(file):
    if file.path.startswith("tests/tidy/"):
        return
    for number, line in enumerate(file.text.split("\n"), 1):
        if re.search(r"\b(?:TODO|FIXME|XXX|HACK)\b", line):
            yield number, "finish it, or write down what is missing in the docs"


RULES = [floors, private_headers, repo_rooted, third_party, no_throw, file_length, include_guard,
         whitespace, no_fences, publication_orders, no_sleeps, no_marks]


def check(root):
    return [Finding(file.path, line, rule.__name__, message)
            for file in source_files(root) for rule in RULES for line, message in rule(file)]


if __name__ == "__main__":
    findings = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(map(str, findings + [f"{len(RULES)} rules, {len(findings)} findings"])))
    sys.exit(1 if findings else 0)
