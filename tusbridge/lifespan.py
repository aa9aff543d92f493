"""The life of a process, for the front and for the application that it is put around."""

from collections.abc import Awaitable, Callable
from typing import Any

from tusbridge.intake import Message, Receive

Send = Callable[[Message], Awaitable[None]]


async def live(
    app: Callable[[Any, Any, Any], Awaitable[None]],
    scope: dict[str, Any],
    receive: Receive,
    send: Send,
    *,
    begin: Callable[[], None],
    end: Callable[[], None],
) -> None:
    """Pass on to the application what the server says, and answer for one that does not speak the
    protocol, as Django's does not (ASGI, lifespan). ``begin`` and ``end`` are the front's own part.
    """
    heard: list[str] = []
    said: list[str] = []

    async def hear() -> Message:
        message = await receive()
        heard.append(message["type"])
        (begin if message["type"] == "lifespan.startup" else end)()
        return message

    async def say(message: Message) -> None:
        said.append(message["type"])
        await send(message)

    try:
        await app(scope, hear, say)
    except Exception:
        # one that has spoken has something to say by it
        if said:
            raise
    while len(said) < 2 and not any(kind.endswith(".failed") for kind in said):
        if len(heard) == len(said):
            await hear()
        await say({"type": f"{heard[-1]}.complete"})
