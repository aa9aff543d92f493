"""``python -m benchmarks.peers.again COMMAND...`` starts a command again whenever it ends.

As a service manager does, so that a server that a request ends can be checked on. SIGTERM ends
both.
"""

import signal
import subprocess
import sys
import time

# One that does not live so long, so often in a row, cannot be started.
SHORT_SECONDS = 0.2
SHORT_LIVES = 5


def main() -> None:
    """Keep the command running."""
    short = 0
    while short < SHORT_LIVES:
        begun = time.monotonic()
        child = subprocess.Popen(sys.argv[1:])
        signal.signal(signal.SIGTERM, lambda *_, child=child: _end(child))  # type: ignore[misc]
        child.wait()
        short = short + 1 if time.monotonic() - begun < SHORT_SECONDS else 0
    sys.exit("it ends as soon as it is started")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    child.wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
