"""What the tests of tus's requests and answers share."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tusbridge import errors
from tusbridge.protocol import tus

TYPE = "application/offset+octet-stream"
EXPIRES = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
EXPIRES_TEXT = "Wed, 06 May 2026 07:08:09 GMT"
LARGEST = 2**63 - 1
# Busy machines draw slowly; what is looked for here is wrong answers.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Any text, lone surrogates included: a header may decode to anything.
any_text = st.text(st.characters(exclude_categories=()))


def one(text: str, value: object, name: str) -> object:
    return pytest.param(text, value, id=name)


def b64(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    return base64.b64encode(raw).decode("ascii")


def facts(
    offset: int = 5,
    length: int | None = 10,
    metadata: str = "",
    expires_at: datetime | None = None,
) -> tus.UploadFacts:
    return tus.UploadFacts(offset=offset, length=length, metadata=metadata, expires_at=expires_at)


def status_of(parse: Any, fields: Mapping[str, str]) -> int:
    """The status that a refused request is answered with."""
    with pytest.raises(errors.UploadError) as caught:
        parse(fields)
    return tus.render_error(caught.value, "POST").status
