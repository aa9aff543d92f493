"""What tusbridge costs, beside other servers."""

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.peers.ours import OURS
from benchmarks.report.tables import table_of, text_of
from benchmarks.rows import ROWS
from benchmarks.rows.base import Sizes
from benchmarks.runner import Runner


def main() -> None:
    """Parse the arguments, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", default=",".join(OURS))
    parser.add_argument("--rows", default=",".join(map(str, ROWS)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    peers = {name: OURS[name] for name in options.peers.split(",")}
    place = Path(tempfile.mkdtemp(prefix="tusbridge-bench-"))
    runner = Runner(
        peers=list(peers.values()),
        rows=[ROWS[int(number)] for number in options.rows.split(",")],
        rounds=options.rounds,
        sizes=Sizes.of(options.scale),
        place=place,
    )
    try:
        runner.run()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    titles = {name: peer.title for name, peer in peers.items()}
    bases = dict.fromkeys(peers, "tusbridge")
    for part in runner.parts.values():
        print(text_of(table_of(part, titles, bases)))
    print(dict(runner.seconds))


if __name__ == "__main__":
    main()
