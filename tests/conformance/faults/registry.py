"""How a fault is declared: a subclass of the reference, and the checks that must fail on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.conformance.reference import Reference

Server = TypeVar("Server", bound=type[Reference])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`facts`: what of the target is told to the checks, besides what each is told."""

    checks: tuple[str, ...]
    facts: dict[str, Any]


FAULTS: dict[type[Reference], Fault] = {}


def caught_by(*checks: str, **facts: Any) -> Callable[[Server], Server]:
    """Registers a faulty server. Each of the checks must fail on it."""

    def register(server: Server) -> Server:
        FAULTS[server] = Fault(checks=checks, facts=facts)
        return server

    return register
