"""Log lines: one event name a line, with its facts behind it, as text or as JSON.

Of an upload's id, which is all that one needs to have an upload where nobody logs in, they show
the beginning.
"""

import json
import logging
import math
import re
from datetime import UTC, datetime
from typing import Any

_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "request"}

_ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{8})[0-9a-f]{24}(?![0-9a-f])", re.ASCII)


def _shorten_ids(line: str) -> str:
    return _ID.sub(r"\1", line)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


def _quote(value: Any) -> str:
    """One word of one line, whatever the value holds."""
    text = str(value)
    return text if text and text.isprintable() and not set(text) & {" ", '"'} else json.dumps(text)


def _plain(value: Any) -> Any:
    """Numbers that JSON does not know become text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class TextFormatter(logging.Formatter):
    """``2026-11-24T00:00:00.000+00:00 INFO upload-created upload_id=... length=5``"""

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={_quote(value)}" for name, value in _facts(record).items())
        event = " ".join(record.getMessage().split())
        line = f"{_moment(record)} {record.levelname} {event}{facts}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return _shorten_ids(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {name: _plain(value) for name, value in _facts(record).items()} | {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _shorten_ids(json.dumps(line, default=str))
