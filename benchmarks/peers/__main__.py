"""``python -m benchmarks.peers`` lists the peers; with a peer's name it starts that one.

It says the peer's URL, and serves until Ctrl-C; its data are in a folder that goes with it.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import PEERS, Peer, running


def main() -> None:
    """List, or start one."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", choices=[*PEERS], metavar="NAME", help="start this one")
    name = parser.parse_args().name
    if name:
        serve(PEERS[name])
    else:
        print("\n\n".join(map(described, PEERS.values())))


def described(peer: Peer) -> str:
    """A peer in three lines."""
    wanted = peer.missing()
    version = f"not installed: {wanted}" if wanted else peer.version()
    return (
        f"{peer.name}: {peer.title} {version}\n"
        f"  {peer.language}, {peer.workers}; {peer.protocol} at {peer.path}\n"
        f"  {' '.join([*(f'{k}={v}' for k, v in peer.environ.items()), *peer.command])}"
    )


def serve(peer: Peer) -> None:
    """The peer, until Ctrl-C or a SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="tusbridge-peer-"))
    try:
        with running(peer, folder / peer.name) as server:
            print(f"http://127.0.0.1:{server.port}{peer.path}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        sys.exit(0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
