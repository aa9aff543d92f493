"""The documentation says what the code does."""

import re
from pathlib import Path

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
