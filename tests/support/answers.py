"""An answer, however it was asked for."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Field names as in ``Upload-Offset``."""

    status: int
    fields: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, response: Any) -> "Answer":
        """What Django's test client got."""
        body = b"".join(response.streaming_content) if response.streaming else response.content
        fields = {name.title(): value for name, value in response.items()}
        return cls(response.status_code, fields, body)
