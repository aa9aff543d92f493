"""Asks by HEAD again and again, in a process of its own: a busy test must not be in its times.

``python -m tests.crowd.probe PORT SECONDS PAUSE PATH...`` prints one JSON object: for each path
the seconds that its HEADs took, and the statuses that were not 200.
"""

import http.client
import json
import sys
import time


def main() -> None:
    """Ask for all paths in turn over one connection."""
    port, seconds, pause = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    paths = sys.argv[4:]
    times: dict[str, list[float]] = {path: [] for path in paths}
    refused: list[int] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    end = time.monotonic() + seconds
    while (started := time.monotonic()) < end:
        for path in paths:
            asked = time.monotonic()
            connection.request("HEAD", path, headers={"Tus-Resumable": "1.0.0"})
            answer = connection.getresponse()
            answer.read()
            times[path].append(time.monotonic() - asked)
            if answer.status != 200:
                refused.append(answer.status)
        time.sleep(max(0.0, started + pause - time.monotonic()))
    connection.close()
    json.dump({"times": [times[path] for path in paths], "refused": refused}, sys.stdout)


if __name__ == "__main__":
    main()
