"""What the checks of expiry share: waiting for it."""

from __future__ import annotations

import time

from ..expect import expect
from .client import Client

_POLL_SECONDS = 0.1
# Over the upload's life, which begins when its row does.
_GRACE_SECONDS = 2


def wait_until_expired(client: Client, upload_id: str, offset: int) -> None:
    """Asks for the offset until that is no longer told."""
    life = client.target.expire_seconds or 0
    deadline = time.monotonic() + life + _GRACE_SECONDS
    while (response := client.probe(upload_id, offset)).status == 400:
        late = f"expected the upload to expire within {life} s"
        expect(time.monotonic() < deadline, late, response)
        time.sleep(_POLL_SECONDS)
