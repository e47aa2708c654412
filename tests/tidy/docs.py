#!/usr/bin/python3
"""Documents tell the truth where a machine can check it: links resolve, commands exist. Usage: docs.py ROOT"""
import os
import re
import sys

from source_tree import Finding, markdown_files

_FENCE = re.compile(r"^```.*?^```[^\n]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def anchors(text):
    """Anchors of headings as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*)$", _FENCE.sub(blank, text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def links(root, path, text):
    for match in _LINK.finditer(_FENCE.sub(blank, text)):
        target, _, anchor = match.group(1).partition("#")
        line = line_of(text, match.start())
        if re.match(r"[a-z]+:", target):
            continue
        where = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(os.path.join(root, where)):
            yield line, f"link to {match.group(1)}: no such file"
        elif anchor and where.endswith(".md"):
            with open(os.path.join(root, where), encoding="utf-8") as file:
                if anchor not in anchors(file.read()):
                    yield line, f"link to {match.group(1)}: no such heading"


def dev_verbs(root):
    with open(os.path.join(root, "dev"), encoding="utf-8") as file:
        cases = file.read().split("\ncase $verb in\n")[-1]
    return {verb for names in re.findall(r"^  ([\w| -]+)\)", cases, re.MULTILINE)
            for verb in names.replace(" ", "").split("|")}


def commands(root, path, text):
    """./dev VERB, and repository paths given to commands, in code blocks and code spans."""
    verbs = dev_verbs(root)
    for match in re.finditer(r"\./dev ([\w-]+)", text):
        if match.group(1) not in verbs:
            yield line_of(text, match.start()), f"{match.group()}: there is no such verb"
    for block in re.finditer(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for match in re.finditer(r"(?<![\w/.-])(?:config|bench|tests|docs|systemd)/[\w./-]+", block.group(1)):
            if not os.path.exists(os.path.join(root, match.group())):
                yield line_of(text, block.start(1) + match.start()), f"{match.group()}: no such file"


RULES = [links, commands]


def check(root):
    findings = []
    for path in markdown_files(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        findings += [Finding(path, line, rule.__name__, message)
                     for rule in RULES for line, message in rule(root, path, text)]
    return findings


if __name__ == "__main__":
    found = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(map(str, found + [f"{len(RULES)} rules, {len(found)} findings"])))
    sys.exit(1 if found else 0)
