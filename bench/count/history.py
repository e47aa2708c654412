"""The counts that are kept: a list of entries, the last one is what the code is held against."""
import json
from typing import NamedTuple, Optional

# Instructions may grow by this share before an entry is due: code moves them a little that is not about
# them. What is asked of the kernel costs far more, and nothing moves it by chance.
INSTRUCTIONS_SLACK = 0.03
FIGURES = ("instructions", "operations", "enters", "calls")


class Line(NamedTuple):
    load: str
    figure: str
    before: Optional[float]  # a unit; None: the file has none
    now: float

    @property
    def ratio(self):
        if self.before:
            return self.now / self.before
        return 1.0 if self.before == self.now else None

    @property
    def grown(self):
        """More than the file allows, or not in the file."""
        if self.before is None:
            return True
        slack = INSTRUCTIONS_SLACK if self.figure == "instructions" else 0
        return self.now > self.before * (1 + slack) * (1 + 1e-12)


def compare(entry, loads):
    """Lines for what was counted, {load: {"units": n, figure: total}}, beside an entry (or None)."""
    lines = []
    for load, counted in loads.items():
        kept = (entry or {}).get("loads", {}).get(load)
        for figure in FIGURES:
            before = kept[figure] / kept["units"] if kept and figure in kept else None
            lines.append(Line(load, figure, before, counted[figure] / counted["units"]))
    return lines


def binding(entry, build):
    """Whether an entry says something about this build: compiler, machine and flags decide the code."""
    return entry is not None and entry["build"] == build


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["entries"]
    except FileNotFoundError:
        return []


def text_of(entries):
    """JSON with one line a load, so that a change of the file can be read."""
    out = []
    for entry in entries:
        head = {key: entry[key] for key in ("date", "reason", "build")}
        lines = [f"   {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
        loads = [f"    {json.dumps(load)}: {json.dumps(figures)}" for load, figures in entry["loads"].items()]
        lines.append('   "loads": {\n' + ",\n".join(loads) + "\n   }")
        out.append("  {\n" + ",\n".join(lines) + "\n  }")
    return '{\n "entries": [\n' + ",\n".join(out) + "\n ]\n}\n"


def write(path, entries):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text_of(entries))
