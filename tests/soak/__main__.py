"""``python -m tests.soak SECONDS``: exits with 1 where a promise was broken."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.soak.run import MOST_GROWTH, MOST_TIMES, soak
from tests.support.servers import running


def main() -> int:
    """Run it and print what was found."""
    seconds = float(sys.argv[1])
    with (
        tempfile.TemporaryDirectory() as place,
        running("serve", Path(place), options={"EXPIRE_AFTER": "2m"}) as server,
    ):
        found = asyncio.run(soak(server, seconds))
    print(found)
    for line in found.wrong[:10]:
        print(line)
    return int(bool(found.wrong) or found.growth > MOST_GROWTH or found.times > MOST_TIMES)


if __name__ == "__main__":
    sys.exit(main())
