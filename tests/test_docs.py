"""The documentation says what the code does."""

import re
import textwrap
from pathlib import Path

import pytest

from tusbridge import signals
from tusbridge.checks import all_findings
from tusbridge.conf import Options
from tusbridge.errors import UploadError
from tusbridge.protocol.tus import STATUS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def _rows(name: str) -> list[list[str]]:
    lines = (DOCS / name).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if "|" in line
    ]


def _errors(base: type[UploadError] = UploadError) -> list[type[UploadError]]:
    below = base.__subclasses__()
    return [error for error in below if hasattr(error, "code")] + [
        error for child in below for error in _errors(child)
    ]


def test_every_setting_is_documented_with_its_default_and_nothing_else() -> None:
    documented = {row[0].strip("`"): row[1].strip("`") for row in _rows("settings.md")[2:]}
    actual = {name: repr(field.default) for name, field in Options.model_fields.items()}
    assert documented == actual


def test_every_error_is_documented_with_its_status() -> None:
    documented = {
        code: int(row[1])
        for row in _rows("errors.md")[2:]
        for code in re.findall(r"`([a-z-]+)`", row[0])
    }
    assert documented == {error.code: STATUS[error] for error in set(_errors())}


def test_every_check_is_documented_and_nothing_else() -> None:
    documented = [row[0].strip("`") for row in _rows("checks.md")[2:]]
    assert documented == list(all_findings())


def _blocks(name: str, language: str) -> list[str]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", sorted(page.name for page in DOCS.glob("*.md")))
def test_the_python_in_the_documentation_is_python(page: str) -> None:
    for block in _blocks(page, "python"):
        compile(textwrap.dedent(block), page, "exec")


def test_the_pages_are_all_in_the_index() -> None:
    listed = set(re.findall(r"^([a-z0-9-]+)$", (DOCS / "index.md").read_text(), re.MULTILINE))
    assert listed == {page.stem for page in DOCS.glob("*.md")} - {"index"}


def test_the_signals_are_documented_and_no_others() -> None:
    assert {row[0].strip("`") for row in _rows("signals.md")[2:]} == set(signals.__all__)
