"""What a terminal can show: colours, and lines of its width."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Mapping
from typing import TextIO

from .sent import printable

RED, GREEN, YELLOW, BOLD, DIM = "31", "32", "33", "1", "2"
# Narrower ones break lines themselves.
_LEAST_COLUMNS = 40


class Page:
    """Where a report goes. `columns`: of a terminal; lines for anything else are not broken."""

    def __init__(self, *, colours: bool = False, columns: int | None = None) -> None:
        self.colours = colours
        self.columns = columns if columns is None else max(columns, _LEAST_COLUMNS)

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours else text

    def fold(self, text: str, indent: int) -> list[str]:
        """The text's lines, broken so that they fit behind that many columns; what a server puts
        into one cannot move the cursor or change the terminal.
        """
        lines = [printable(line) for line in text.splitlines()] or [""]
        if self.columns is None:
            return lines
        fitting = textwrap.TextWrapper(
            self.columns - indent, subsequent_indent="  ", break_on_hyphens=False
        )
        return [part for line in lines for part in fitting.wrap(line) or [""]]


def page_for(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Page:
    """https://no-color.org: NO_COLOR, when not empty, takes colours away."""
    if not stream.isatty():
        return Page()
    dumb = environment.get("TERM") == "dumb" or bool(environment.get("NO_COLOR"))
    return Page(colours=not dumb, columns=shutil.get_terminal_size().columns)
