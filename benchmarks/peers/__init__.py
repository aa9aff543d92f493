"""Other servers, to be measured and checked beside tusbridge."""

from benchmarks.peers.base import Peer
from benchmarks.peers.known import ALL
from benchmarks.peers.starting import running

PEERS: dict[str, Peer] = {peer.name: peer for peer in ALL}

__all__ = ["PEERS", "Peer", "running"]
