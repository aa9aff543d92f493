"""An ASGI application in this process, asked one request at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.answers import Answer

# A request that takes longer hangs.
SECONDS = 20


def ask(
    application: Callable[..., Any],
    method: str,
    path: str,
    fields: dict[str, str],
    body: bytes,
    *,
    root_path: str = "",
) -> Answer:
    """The application's answer. The loop runs in a thread of its own, for in the main thread the
    front would take over the process' signals."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(
            asyncio.run, _ask(application, method, path, fields, body, root_path)
        ).result(SECONDS)


async def _ask(
    application: Callable[..., Any],
    method: str,
    path: str,
    fields: dict[str, str],
    body: bytes,
    root_path: str,
) -> Answer:
    sent: list[dict[str, Any]] = []
    came = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if came:
            return came.pop()
        await asyncio.Event().wait()
        raise AssertionError("the client neither sends nor leaves")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = {"host": "testserver", "content-length": str(len(body))} | fields
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": root_path,
        "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }
    await asyncio.wait_for(application(scope, receive, send), SECONDS)
    start, *rest = sent
    return Answer(
        status=start["status"],
        fields={name.decode().title(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in rest),
    )
