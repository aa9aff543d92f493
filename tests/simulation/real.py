"""The system calls and functions as they are when nothing is simulated."""

import _thread
import builtins
import fcntl
import io
import os
import secrets
import sqlite3
import threading
import time
import uuid
from types import SimpleNamespace

OS_CALLS = (
    *("open", "close", "read", "write", "pread", "pwrite", "pwritev", "lseek", "fstat"),
    *("ftruncate", "fsync", "fdatasync", "fchmod", "copy_file_range", "sendfile", "unlink"),
    *("remove", "rename", "replace", "link", "mkdir", "rmdir", "chmod", "chown", "truncate"),
    *("stat", "lstat", "scandir", "listdir", "statvfs", "utime"),
)
calls = SimpleNamespace(**{name: getattr(os, name) for name in OS_CALLS})
flock = fcntl.flock
open_file = builtins.open
io_open = io.open
sleep, wall, monotonic, perf_counter = time.sleep, time.time, time.monotonic, time.perf_counter
uuid4 = uuid.uuid4
choice = secrets.choice
Lock = threading.Lock
lock_type = _thread.LockType
allocate_lock = _thread.allocate_lock
thread_start, thread_join = threading.Thread.start, threading.Thread.join
thread_is_alive = threading.Thread.is_alive
event_wait = threading.Event.wait
semaphore_acquire = threading.Semaphore.acquire
connect = sqlite3.connect
