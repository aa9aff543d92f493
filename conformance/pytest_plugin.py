"""A pytest plug-in: with `--tus-url URL` each check is a test, marked `tus`; without it nothing
happens.

Advice that is not followed is an expected failure, with `--tus-strict` a failure, as for the
command line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import pytest

from .findings import TUS
from .options import header, url
from .probe import Unusable, probe
from .registry import Check
from .report import failure_text
from .runner import Outcome, Result, run_whatever_comes, select
from .target import Target
from .tls import Tls, context


def pytest_addoption(parser: pytest.Parser) -> None:
    add = parser.getgroup("tus", "conformance of a tus server").addoption
    add("--tus-url", metavar="URL", help="check the tus server with this creation endpoint")
    add("--tus-header", action="append", default=[], metavar="'NAME: VALUE'")
    add("--tus-other-header", action="append", default=[], metavar="HEADER", help="a second user's")
    add("--tus-only", action="append", metavar="ID", help="checks whose id begins so")
    add("--tus-extension", action="append", metavar="NAME", help="checks of it only")
    add("--tus-timeout", type=float, default=10.0, metavar="SECONDS")
    add("--tus-insecure", action="store_true", help="take any certificate")
    add("--tus-ca", metavar="FILE", help="trust this certificate (PEM) as well")
    add("--tus-strict", action="store_true", help="advice that is not followed fails as well")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tus: a check of the tus server at --tus-url")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("tus_url") is None:
        return
    try:
        target = _target(config)
        checks = _checks(config)
        probe(target)
    except (ValueError, OSError, argparse.ArgumentTypeError, Unusable) as error:
        raise pytest.UsageError(str(error)) from error
    suite = CheckSuite.from_parent(session, name="tus", nodeid="tus")
    items.extend(suite.items(checks, target))


class CheckSuite(pytest.Collector):
    """The checks of one target."""

    def items(self, checks: Sequence[Check], target: Target) -> Iterator[CheckItem]:
        for made in checks:
            yield CheckItem.from_parent(self, name=made.id, made=made, target=target)

    def collect(self) -> list[pytest.Item]:
        """Nothing: its items are made once the target is known to answer."""
        return []


class CheckFailure(Exception):
    """A check's failure, as the report tells it."""


class CheckItem(pytest.Item):
    """One check."""

    def __init__(self, *, made: Check, target: Target, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self.made = made
        self.target = target
        self.add_marker("tus")

    def runtest(self) -> None:
        result = run_whatever_comes(self.made, self.target)
        if result.outcome is Outcome.FAIL:
            self._fail(result)
        elif result.outcome is not Outcome.PASS:
            pytest.skip(result.detail)

    def reportinfo(self) -> tuple[str, None, str]:
        return self.made.group, None, f"{self.made.level} {self.made.title}"

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """A check's failure as it is, for its traceback says nothing of the server."""
        if isinstance(excinfo.value, CheckFailure):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def _fail(self, result: Result) -> None:
        if not TUS.counts(self.made.level, strict=self.config.getoption("tus_strict")):
            pytest.xfail(f"{self.made.level}: {result.detail.partition(chr(10))[0]}")
        raise CheckFailure(failure_text(result))


def _target(config: pytest.Config) -> Target:
    tls = Tls(insecure=config.getoption("tus_insecure"), ca_file=config.getoption("tus_ca"))
    context(tls)
    return Target(
        url=url(config.getoption("tus_url")),
        headers=tuple(map(header, config.getoption("tus_header"))),
        other_headers=tuple(map(header, config.getoption("tus_other_header"))) or None,
        timeout_seconds=config.getoption("tus_timeout"),
        tls=tls,
    )


def _checks(config: pytest.Config) -> Sequence[Check]:
    # all of them are read only where they are asked for
    from .checks import ALL  # noqa: PLC0415

    return select(ALL, config.getoption("tus_only"), config.getoption("tus_extension"))
