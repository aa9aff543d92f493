"""The list of a suite's checks, asked of no server: as text, and as a page in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from .runner import Runnable

Checks = Sequence[Runnable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What of a suite its list needs to know. `unseen`: by row, what no check sees."""

    title: str
    command: str
    part_of: Callable[[Runnable[Any]], str]
    unseen: Mapping[int, str] = field(default_factory=dict)


def text_of_list(checks: Checks) -> str:
    width = max(len(made.id) for made in checks)
    return "".join(
        f"{made.id:<{width}}  {made.row:>3}  {made.level:<8}  {made.title}\n" for made in checks
    )


def markdown_of_list(checks: Checks, contents: Contents) -> str:
    """A table for each part of the suite, and one for what cannot be seen from outside."""
    count = len({(contents.part_of(made), made.row) for made in checks})
    told = f"{len(checks)} checks of {count} rules. `{contents.command}` lists them."
    lines = [f"# {contents.title}", "", told]
    for part, members in groupby(checks, contents.part_of):
        lines += ["", f"## {part}", "", *_table(list(members))]
    rows = {made.row for made in checks}
    unseen = {row: text for row, text in contents.unseen.items() if row in rows}
    return "\n".join([*lines, *_unseen(unseen), ""])


def _table(checks: Checks) -> Iterator[str]:
    yield "| row | level | section | check | rule |"
    yield "|---|---|---|---|---|"
    for made in checks:
        yield f"| {made.row} | {made.level} | {made.section} | `{made.id}` | {_rule(made)} |"


def _rule(made: Runnable[Any]) -> str:
    if not made.needs:
        return made.title
    return f"{made.title} (needs {' and '.join(f'`{need}`' for need in made.needs)})"


def _unseen(unseen: Mapping[int, str]) -> list[str]:
    if not unseen:
        return []
    rows = [f"| {row} | {text} |" for row, text in unseen.items()]
    return ["", "## What cannot be seen from outside", "", "| row | |", "|---|---|", *rows]
