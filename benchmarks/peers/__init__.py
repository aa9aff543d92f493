"""Servers to compare with: how each is installed and started."""

from benchmarks.peers.base import Peer

__all__ = ["Peer"]
