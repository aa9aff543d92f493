"""The documentation says what the code does."""

import re
import textwrap
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.core.management.base import BaseCommand

from legacy.importing import Outcome
from legacy.views import ChunkedUploadCompleteView, ChunkedUploadView
from tusbridge import signals
from tusbridge.checks import all_findings
from tusbridge.conf import Options
from tusbridge.errors import UploadError
from tusbridge.models import AbstractUpload, Upload
from tusbridge.protocol.tus import STATUS
from tusbridge.server.cli import cli

DOCS = Path(__file__).resolve().parents[1] / "docs"
CODE = DOCS.parent / "tusbridge"
LEGACY = DOCS.parent / "legacy"
_EVENT = re.compile(r'logger\.(?:info|warning|error|exception)\(\s*"([a-z-]+)"')


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


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


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


def test_every_option_of_the_sweep_is_documented_and_is_the_same_for_both_commands() -> None:
    documented = {row[0].strip("`") for row in _rows("operations.md") if row[0].startswith("`--")}
    command = load_command_class("tusbridge", "tusbridge_sweep")
    parser, plain = (one.create_parser("manage.py", "x") for one in (command, BaseCommand()))
    django = set(parser._option_string_actions) - set(plain._option_string_actions)
    server = {name for option in cli.commands["sweep"].params for name in option.opts} - {"-v"}
    assert documented == django | {"--verbose"}
    assert documented == server - {"--data-dir", "--files-dir", "--database-url"}


def test_every_option_of_the_import_is_documented() -> None:
    documented = {row[0].strip("`") for row in _rows("migrating.md") if row[0].startswith("`--")}
    command = load_command_class("legacy", "tusbridge_import_chunked")
    parser, plain = (one.create_parser("manage.py", "x") for one in (command, BaseCommand()))
    assert documented == set(parser._option_string_actions) - set(plain._option_string_actions)


def test_every_outcome_of_the_import_is_documented() -> None:
    told = {row[0] for row in _rows("migrating.md")}
    joined = {str(Outcome.SHORT), str(Outcome.LONG)}
    assert {str(outcome) for outcome in Outcome} - joined <= told
    assert "file shorter, or longer, than the row says" in told


def test_the_names_that_clash_with_a_sites_own_are_all_told() -> None:
    originals = {"id", "upload_id", "user", "file", "filename", "offset"}
    originals |= {"created_on", "status", "completed_on"}
    (bullet,) = re.findall(
        r"^- \*\*Models of your own\.\*\* (.*?)\. In a", _text("migrating.md"), re.M | re.S
    )
    columns = {field.name for field in Upload._meta.concrete_fields} - originals
    members = {name for name in vars(AbstractUpload) if re.fullmatch(r"(?!get_)[a-z][a-z_]*", name)}
    members -= {field.attname for field in Upload._meta.concrete_fields} | {"objects", "save"}
    members -= {"user"}
    assert set(re.findall(r"`([a-z_]+)`", bullet)) == columns | members


def test_every_setting_and_check_of_the_older_contract_is_documented() -> None:
    documented = {row[0].strip("`") for row in _rows("legacy.md")}
    source = (LEGACY / "conf.py").read_text(encoding="utf-8")
    named = set(re.findall(r"\bCHUNKED_UPLOAD_[A-Z_]+\b", source))
    assert {name for name in documented if re.fullmatch("CHUNKED_UPLOAD_[A-Z_]+", name)} == named
    checks = set(re.findall(r'id="(legacy\.[EW][0-9]{3})"', (LEGACY / "checks.py").read_text()))
    assert {name for name in documented if name.startswith("legacy.")} == checks


def test_the_members_that_sites_override_are_documented() -> None:
    told = " ".join(row[0] for row in _rows("legacy.md"))
    for view in (ChunkedUploadView, ChunkedUploadCompleteView):
        mine = [name for cls in view.__mro__[:2] for name in vars(cls) if name[0] != "_"]
        for name in set(mine) - {"as_view", "post"}:
            assert f"`{name}" in told, name


def test_every_event_that_is_logged_is_documented_and_nothing_else() -> None:
    documented = {
        event
        for row in _rows("operations.md")
        if len(row) == 3 and row[1] in {"info", "warning", "error"}
        for event in re.findall(r"`([a-z-]+)`", row[0])
    }
    sources = [path.read_text(encoding="utf-8") for path in CODE.rglob("*.py")]
    logged = {event for source in sources for event in _EVENT.findall(source)}
    assert logged <= documented
    assert not {event for event in documented if f'"{event}"' not in "".join(sources)}
