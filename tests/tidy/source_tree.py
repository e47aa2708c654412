"""The project's files as the tidy checks see them: paths, text, and text without comments and strings."""
import os
import re
from dataclasses import dataclass
from functools import cached_property

CODE_DIRECTORIES = ("include", "src", "tests", "bench")
CODE_SUFFIXES = (".cpp", ".hpp", ".py")

# Comments, string and character literals of C++, blanked so that rules see code only. A digit before
# an apostrophe is a separator (1'000), not the start of a character literal.
_NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass(frozen=True)
class Include:
    line: int
    quoted: bool
    target: str


class SourceFile:
    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8") as file:
            self.text = file.read()

    @property
    def is_cpp(self):
        return self.path.endswith((".cpp", ".hpp"))

    @property
    def module(self):
        """base, uring, ... for files of a module (front door or sources), else None."""
        parts = self.path.split("/")
        if parts[0] == "src" and len(parts) > 2:
            return parts[1]
        if parts[:2] == ["include", "shunt"] and len(parts) > 3:
            return parts[2]
        return None

    @cached_property
    def code(self):
        """C++ with comments and literals blanked, line numbers kept; other languages as they are."""
        if not self.is_cpp:
            return self.text
        return _NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), self.text)

    @cached_property
    def includes(self):
        return [Include(self.line_of(match.start()), match.group(1) == '"', match.group(2))
                for match in _INCLUDE.finditer(self.text)]

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def matches(self, pattern):
        """Line numbers and texts where a pattern occurs in code."""
        return [(self.line_of(match.start()), match.group()) for match in re.finditer(pattern, self.code)]


def source_files(root):
    found = []
    for top in CODE_DIRECTORIES:
        for directory, directories, names in os.walk(os.path.join(root, top)):
            directories[:] = sorted(d for d in directories if not d.startswith((".", "__")))
            found += [os.path.relpath(os.path.join(directory, name), root)
                      for name in sorted(names) if name.endswith(CODE_SUFFIXES)]
    return [SourceFile(root, path) for path in found]


def markdown_files(root):
    found = []
    for directory, directories, names in os.walk(root):
        directories[:] = sorted(d for d in directories if not d.startswith(".") and d != "build")
        found += [os.path.relpath(os.path.join(directory, name), root)
                  for name in sorted(names) if name.endswith(".md")]
    return found
