"""Log lines: the event, its facts, and nothing else."""

import json
import logging
import re
from typing import Any

import pytest

from tusbridge.server.logs import JsonFormatter, TextFormatter

# 2026-05-06T07:08:09.123Z, in seconds since 1970
MOMENT = 1_778_051_289.123


def record(
    event: str = "upload-created",
    level: int = logging.INFO,
    args: tuple[object, ...] = (),
    **facts: Any,
) -> logging.LogRecord:
    """A record as ``logger.info(event, extra=facts)`` makes it."""
    made = logging.LogRecord("tusbridge", level, __file__, 1, event, args, None)
    made.created = MOMENT
    vars(made).update(facts)
    return made


def failed(event: str = "internal-error") -> logging.LogRecord:
    """A record as ``logger.exception`` makes it."""
    made = record(event, logging.ERROR)
    error = RuntimeError("it broke")
    made.exc_info = (RuntimeError, error, None)
    return made


def text(of: logging.LogRecord) -> str:
    return TextFormatter().format(of)


def fields(of: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(of)
    assert "\n" not in line
    loaded: dict[str, Any] = json.loads(line)
    return loaded


# --- text


def test_text_is_time_level_event_and_facts() -> None:
    line = text(record(upload_id="abc", length=5))
    assert line == "2026-05-06T07:08:09.123+00:00 INFO upload-created upload_id=abc length=5"


def test_text_without_facts_ends_with_the_event() -> None:
    assert text(record("swept")) == "2026-05-06T07:08:09.123+00:00 INFO swept"


def test_text_keeps_the_order_of_the_facts() -> None:
    assert text(record("swept", zeta=1, alpha=2)).endswith(" swept zeta=1 alpha=2")


@pytest.mark.parametrize(
    ("level", "name"),
    [(logging.WARNING, "WARNING"), (logging.ERROR, "ERROR"), (logging.DEBUG, "DEBUG")],
)
def test_text_names_the_level(level: int, name: str) -> None:
    assert text(record(level=level)).split(" ")[1] == name


def test_text_fills_in_the_arguments_of_others_messages() -> None:
    assert text(record("%s took %d ms", args=("it", 5))).endswith(" it took 5 ms")


def test_text_has_the_traceback_behind_the_line() -> None:
    lines = text(failed()).splitlines()
    assert lines[0].endswith(" ERROR internal-error")
    assert lines[-1] == "RuntimeError: it broke"


# --- JSON


def test_json_is_time_level_logger_event_and_facts() -> None:
    assert fields(record(upload_id="abc", length=5)) == {
        "time": "2026-05-06T07:08:09.123+00:00",
        "level": "info",
        "logger": "tusbridge",
        "event": "upload-created",
        "upload_id": "abc",
        "length": 5,
    }


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\nb", id="newline"),
        pytest.param("a\r\n2026-05-06 INFO forged", id="a-forged-line"),
        pytest.param('a"b\\c', id="quote-and-backslash"),
        pytest.param("\u2028\u2029", id="line-separators"),
        pytest.param("\U0001f600", id="emoji"),
        pytest.param("\x00\x1b[31m", id="nul-and-escape"),
        pytest.param(5 * 2**40, id="integer"),
        pytest.param(None, id="none"),
        pytest.param(True, id="true"),
        pytest.param([1, "a"], id="list"),
    ],
)
def test_json_keeps_any_fact_on_one_line(value: object) -> None:
    assert fields(record(fact=value))["fact"] == value
    assert JsonFormatter().format(record(fact=value)).isascii()


def test_json_tells_of_objects_by_their_text() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    assert fields(record(fact=Odd()))["fact"] == "odd"


def test_json_keeps_an_event_with_newlines_on_one_line() -> None:
    assert fields(record("a\nb"))["event"] == "a\nb"


def test_json_fills_in_the_arguments_of_others_messages() -> None:
    assert fields(record("%s took %d ms", args=("it", 5)))["event"] == "it took 5 ms"


def test_json_has_the_traceback_in_a_field() -> None:
    line = fields(failed())
    assert line["event"] == "internal-error"
    assert line["traceback"].endswith("RuntimeError: it broke")


def test_json_without_an_exception_has_no_traceback() -> None:
    assert "traceback" not in fields(record())


# --- both


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_what_logging_adds_itself_is_no_fact(formatter: type[logging.Formatter]) -> None:
    line = formatter().format(record("swept"))
    assert not re.search(r"thread|process|module|lineno|pathname|taskName|msecs", line)


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_the_request_that_django_adds_is_no_fact(formatter: type[logging.Formatter]) -> None:
    # its text holds the query, and a query may hold secrets
    assert "secret" not in formatter().format(record(request="GET /files/x?token=secret"))


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_r45_of_an_id_the_beginning_is_shown(formatter: type[logging.Formatter]) -> None:
    """As a fact, in others' messages, in paths of a traceback; whole ids are secrets."""
    upload_id = "0123456789abcdef0123456789abcdef"
    made = failed("%s is not found")
    made.args = (f"/files/{upload_id}",)
    vars(made).update(upload_id=upload_id, path=f"/x/01/{upload_id}.lock")
    error = RuntimeError(f"no file at /x/{upload_id}.{upload_id}.joined")
    made.exc_info = (RuntimeError, error, None)
    line = formatter().format(made)
    assert upload_id[:9] not in line
    assert line.count(upload_id[:8]) == 5


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
@pytest.mark.parametrize("text", ["0123456789abcdef" * 4, "0123456789abcdef" * 2 + "0", "cafe"])
def test_what_is_no_id_is_shown_whole(formatter: type[logging.Formatter], text: str) -> None:
    assert text in formatter().format(record(digest=text))


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_a_record_can_be_formatted_twice(formatter: type[logging.Formatter]) -> None:
    made = failed()
    assert formatter().format(made) == formatter().format(made)


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_facts_come_through_a_logger(
    formatter: type[logging.Formatter], caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("tests.logs")
    with caplog.at_level(logging.INFO, "tests.logs"):
        logger.info("upload-created", extra={"upload_id": "abc"})
    line = formatter().format(caplog.records[-1])
    assert "upload-created" in line
    assert "abc" in line
