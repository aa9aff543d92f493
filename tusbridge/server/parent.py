"""Ends a worker whose main process is gone: it would keep the port, and nothing would end it."""

import logging
import multiprocessing
import os
import signal
import threading
import time

logger = logging.getLogger("tusbridge")

# Seconds between two looks for the main process.
_LOOK_SECONDS = 0.25


def end_with_parent(grace: float) -> None:
    """Stop this process as SIGTERM does once its parent has ended, and kill it ``grace`` seconds
    later. Does nothing in a process that is not a child of :mod:`multiprocessing`."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        watch = threading.Thread(target=_watch, args=(parent.pid, grace), daemon=True)
        watch.name = "tusbridge-parent"
        watch.start()


def _watch(pid: int, grace: float) -> None:
    while os.getppid() == pid:
        time.sleep(_LOOK_SECONDS)
    logger.warning("main-process-gone")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os._exit(1)
