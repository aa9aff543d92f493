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
    child = subprocess.Popen(sys.argv[1:])
    is_ending = False

    def end(*_: object) -> None:
        nonlocal is_ending
        is_ending = True
        child.terminate()

    signal.signal(signal.SIGTERM, end)
    short, begun = 0, time.monotonic()
    child.wait()
    while not is_ending and short < SHORT_LIVES:
        short = short + 1 if time.monotonic() - begun < SHORT_SECONDS else 0
        child, begun = subprocess.Popen(sys.argv[1:]), time.monotonic()
        child.wait()
    sys.exit(0 if is_ending else "it ends as soon as it is started")


if __name__ == "__main__":
    main()
