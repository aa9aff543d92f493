"""How long a client may take to send a body."""


class Pace:
    """A body has ``timeout`` seconds, and earns more by the bytes that come: one byte buys
    ``1 / rate`` seconds, and never are more than ``timeout`` left. So a body ends when it is silent
    for ``timeout`` seconds, or when it stays below ``rate`` bytes a second for longer than it has
    saved up. With a rate of 0 any byte buys all of them.

    ``until`` is when the body ends, by the clock of those who call.
    """

    def __init__(self, timeout: float, rate: float, now: float) -> None:
        self.timeout, self._rate = timeout, rate
        self.until = now + timeout

    def came(self, count: int, now: float) -> None:
        """So many bytes came."""
        most = now + self.timeout
        self.until = min(most, self.until + count / self._rate) if self._rate else most

    def restart(self, now: float) -> None:
        """The client is waited for from now on."""
        self.until = now + self.timeout

    def pause(self, seconds: float) -> None:
        """For so long it was not the client that was waited for."""
        self.until += seconds
