"""The checks, and how one is declared. A new module in `checks/` that uses `@check` is all it takes
to add some.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..exchange import run_body
from .client import Client
from .target import NEEDS, Target, require

# CONTRACT: what the original does. FAULT: what a server should do better than the original.
Level = Literal["CONTRACT", "FAULT"]

# Of the contract; what the report calls them.
SECTIONS = {
    "2.0": "both views",
    "2.1": "upload view",
    "2.2": "complete view",
    "2.3": "Content-Range",
    "2.4": "answers",
    "2.5": "owners",
    "7": "faults of the original",
    "9": "choices",
}

_ID = re.compile(r"legacy-(?P<section>\d(?:\.\d)?)-(?P<row>\d\d)-[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One fact's check. `section` and `row` are those of the contract, `needs` what a target has to
    have. `run` returns when it holds, else raises `CheckFailed` or `NotTestable`.
    """

    id: str
    section: str
    row: int
    level: Level
    needs: tuple[str, ...]
    title: str
    run: Callable[[Target], None]
    # it has none; what the report asks of the checks of every suite
    extension: None = None

    @property
    def group(self) -> str:
        """Where the report has it."""
        return f"{self.section} {SECTIONS[self.section]}"


_checks: dict[str, Check] = {}


def check(
    check_id: str, *, level: Level = "CONTRACT", needs: tuple[str, ...] = (), title: str
) -> Callable[[Callable[[Client], None]], Check]:
    """Registers a function of a `Client` as a check. `needs` are names of `NEEDS`."""
    named = _ID.fullmatch(check_id)
    if named is None or check_id in _checks or not set(needs) <= set(NEEDS):
        raise ValueError(f"check id {check_id!r} is taken or names no row, or a need is unknown")

    def register(body: Callable[[Client], None]) -> Check:
        def run(target: Target) -> None:
            require(target, *needs)
            run_body(body, Client(target))

        made = Check(
            id=check_id,
            section=named["section"],
            row=int(named["row"]),
            level=level,
            needs=needs,
            title=title,
            run=run,
        )
        _checks[check_id] = made
        return made

    return register


def registered() -> tuple[Check, ...]:
    """All checks declared so far, by section and row."""
    return tuple(sorted(_checks.values(), key=lambda made: (made.section, made.row, made.id)))
