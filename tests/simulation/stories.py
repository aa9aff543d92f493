"""How a run is told: a line for each step, what is dull left out, what comes again folded."""

import re
from collections.abc import Sequence

Line = tuple[float, str, str]

_ID = re.compile(r"\b([0-9a-f]{6})[0-9a-f]{26}\b")
# the folder of unfinished bytes has another inode each time
_FOLDER = re.compile(r'("folder": ")[0-9a-f-]+"')
_VARIES = re.compile(r"\b[0-9a-f]{6}\b|\d+")
_WIDTH = 150
# An answer that says nothing new, and what is read for it.
_DULL = ("SELECT", "stat ", "lstat ", "answer", "loop", "PRAGMA")
# What is left out of the others, too, and what is told in a line of its own.
_QUIET = ("stat ", "lstat ", "close ", "answer", "loop", "chmod ")
_ALONE = ("--", "==", "...", "a power")
# Lines that may come again together, and how often in all before they are folded.
_LONGEST = 24
_NOW = "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"
_SHORTER = (
    (_NOW, "now"),
    ("(django_format_dtdelta('+', now, %s))", "now + %s"),
    ("UPDATE tusbridge_upload SET ", "UPDATE "),
    (", progress_at = now", ""),
    (", progress_at ", ""),
    ("lease_token = NULL, lease_until = NULL", "lease freed"),
    ("lease_token = %s, lease_until = now + %s", "lease taken"),
    (" WHERE (lease_token = (%s) AND id = (%s))", ""),
    ("media.partial/", "partial/"),
    ("SELECT ...  WHERE ", "SELECT "),
)


def lines_of(story: Sequence[Line]) -> list[str]:
    """The story in lines of text: ids shortened, requests that only look in one line, and what
    comes again and again once."""
    told = [(at, who, _shorter(what)) for at, who, what in _without_looks(story)]
    lines: list[str] = []
    last, width = "", 0
    for at, who, what in _folded(told):
        if who == last and not what.startswith(_ALONE) and width + len(what) < _WIDTH:
            lines[-1] += f"; {what}"
        else:
            lines.append(f"{at:10.3f}  {who:20} {what:.300}")
            width = 0
        last, width = "" if what.startswith(_ALONE) else who, width + len(what)
    return lines


def _shorter(text: str) -> str:
    for long, short in _SHORTER:
        text = text.replace(long, short)
    return _FOLDER.sub(r'\1..."', _ID.sub(r"\1", text))


def _without_looks(story: Sequence[Line]) -> list[Line]:
    """Without the steps of those who changed nothing, and met nothing."""
    busy = {who for _, who, what in story if not what.startswith(_DULL)}
    return [line for line in story if line[1] in busy and not line[2].startswith(_QUIET)]


def _folded(told: Sequence[Line]) -> list[Line]:
    """Blocks of lines that are repeated, but for times and numbers, are told once."""
    shapes = [(_VARIES.sub("#", who), _VARIES.sub("#", what)) for _, who, what in told]
    kept: list[Line] = []
    at = 0
    while at < len(told):
        size, count = _repeated(shapes, at)
        kept += told[at : at + size]
        if count > 1:
            until = told[at + size * count - 1][0]
            what = f"... {count - 1} times more, until {until:.3f}: the same {size} lines"
            kept.append((told[at + size - 1][0], told[at][1], what))
        at += size * count
    return kept


def _repeated(shapes: Sequence[tuple[str, str]], at: int) -> tuple[int, int]:
    """How many lines come again from here on, and how often; (1, 1): none do."""
    for size in range(1, _LONGEST + 1):
        block, count = shapes[at : at + size], 1
        while shapes[at + size * count : at + size * (count + 1)] == block:
            count += 1
        if len(block) == size and size * (count - 1) > 2:
            return size, count
    return 1, 1
