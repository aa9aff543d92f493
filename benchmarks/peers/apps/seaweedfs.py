"""A whole SeaweedFS on 127.0.0.1: ``python seaweedfs.py WEED PORT FOLDER``.

``weed server`` is a master, a volume server and a filer in one process. The filer, which speaks
tus, listens on PORT; the other ports are free ones. Told to stop, ``weed`` takes a quarter of a
minute to leave its cluster; its data are thrown away here, so it is killed. MAX_SIZE, where it is
set, is the largest upload in bytes, of which whole MiB count.
"""

import os
import signal
import subprocess
import sys

from benchmarks.ports import free_port


def options(port: str, folder: str) -> dict[str, object]:
    """What ``weed server`` is told; volumes are small, for it makes seven at once."""
    master, master_grpc, volume, volume_grpc, filer_grpc = (free_port() for _ in range(5))
    return {
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "dir": folder,
        "master.port": master,
        "master.port.grpc": master_grpc,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.port": volume,
        "volume.port.grpc": volume_grpc,
        "volume.max": 64,
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.port": port,
        "filer.port.grpc": filer_grpc,
        "filer.localSocket": os.path.join(folder, "filer.sock"),
        # its own default
        "filer.tusMaxSizeMB": int(os.environ.get("MAX_SIZE", 5120 * 2**20)) >> 20,
    }


def main() -> None:
    """Start the server, and end it with this process."""
    weed, port, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    flags = [f"-{name}={value}" for name, value in options(port, folder).items()]
    # It reads filer.toml and the like from where it is started, should they be there.
    server = subprocess.Popen([weed, "-logtostderr=true", "server", *flags], cwd=folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.kill())
    sys.exit(max(server.wait(), 0))


if __name__ == "__main__":
    main()
