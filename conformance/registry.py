"""The checks, and how one is declared. A new module in `checks/` that uses `@check` is all it takes
to add some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .client import Client
from .exchange import run_body
from .target import CheckFailed, NotAnnounced, NotTestable, Target

__all__ = [
    "Check",
    "CheckFailed",
    "Level",
    "NotAnnounced",
    "NotTestable",
    "Target",
    "check",
    "registered",
]

# D: the protocol is silent, and the project decided.
Level = Literal["MUST", "SHOULD", "MAY", "D"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule's check. `run` returns when it holds, else raises `CheckFailed`, `NotAnnounced` or
    `NotTestable`; `needs` are the options without which it is the latter.
    """

    id: str
    row: int
    level: Level
    section: str
    extension: str | None
    title: str
    run: Callable[[Target], None]
    needs: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Where the report has it."""
        return self.section if self.extension is None else f"extension {self.extension}"


_checks: dict[str, Check] = {}


def check(
    check_id: str,
    *,
    row: int,
    level: Level,
    section: str,
    extension: str | None = None,
    needs: tuple[str, ...] = (),
    title: str,
) -> Callable[[Callable[[Client], None]], Check]:
    """Registers a function of a `Client` as a check. `section` is that of tus 1.0.0; `extension`
    must be announced; `needs` are options that tell what cannot be seen from outside.
    """
    if check_id in _checks or not check_id.startswith(f"row-{row:03d}-"):
        raise ValueError(f"check id {check_id!r} is taken or does not name row {row}")

    def register(body: Callable[[Client], None]) -> Check:
        def run(target: Target) -> None:
            _run(body, extension, target)

        made = Check(
            id=check_id,
            row=row,
            level=level,
            section=section,
            extension=extension,
            title=title,
            run=run,
            needs=needs,
        )
        _checks[check_id] = made
        return made

    return register


def registered() -> tuple[Check, ...]:
    """All checks declared so far, in row order; those of a row as they stand in their module."""
    return tuple(sorted(_checks.values(), key=lambda made: made.row))


def _run(body: Callable[[Client], None], extension: str | None, target: Target) -> None:
    def judged(client: Client) -> None:
        if extension is not None:
            client.require(extension)
        body(client)

    run_body(judged, Client(target))
