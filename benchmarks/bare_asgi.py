"""The least an ASGI server in Python can do with an upload: take one body, write it to a file.

BARE_PLACE names the folder of that file. No database, no lease, no checks: the floor for
``PATCH`` rows.
"""

import os
from typing import Any

_PATH = os.path.join(os.environ.get("BARE_PLACE", "."), "body")


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Write the request's body as its pieces come, then answer 204."""
    if scope["type"] != "http":
        return
    fd = os.open(_PATH, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        more = True
        while more:
            message = await receive()
            body = message.get("body", b"")
            if body:
                os.write(fd, body)
            more = message.get("more_body", False)
    finally:
        os.close(fd)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
