"""The wrapper for ASGI sites: ``application = TusbridgeASGI(get_asgi_application())``.

May be imported before Django is set up, as a site's ``asgi.py`` does.
"""

from collections.abc import Awaitable, Callable
from typing import Any

App = Callable[[Any, Any, Any], Awaitable[None]]


class TusbridgeASGI:
    """An ASGI application around a site's own: takes the requests that are tusbridge's.

    :param app: the site's ASGI application, for all else; making it sets Django up.
    :param threads: threads each for short requests, for those that write, and for what runs on.
    :param sweep_seconds: pause between two sweeps; None leaves sweeping to somebody else.
    """

    def __init__(self, app: App, *, threads: int = 4, sweep_seconds: float | None = None) -> None:
        from tusbridge.front import Front  # noqa: PLC0415 needs Django's apps

        self._front = Front(app, threads=threads, sweep_seconds=sweep_seconds)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._front(scope, receive, send)
