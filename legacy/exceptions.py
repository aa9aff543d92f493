"""The one exception of the contract."""

from typing import Any


class ChunkedUploadError(Exception):
    """Refuses a request: ``status`` is the answer's, the rest its JSON, ``detail`` first of all.

    ``retry_after_seconds`` is None, or when the client may try again.
    """

    retry_after_seconds: int | None = None

    def __init__(self, status: int, **data: Any) -> None:
        super().__init__(data.get("detail", status))
        self.status_code = status
        self.data = data
