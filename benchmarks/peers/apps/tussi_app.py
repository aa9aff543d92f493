"""tussi's application as its README starts it; PLACE is the folder of its files.

MAX_SIZE, where it is set, is the largest upload in bytes.
"""

import os
from pathlib import Path

from tussi import FilesystemStorage, TUSApp

place = Path(os.environ["PLACE"])
most = os.environ.get("MAX_SIZE")
app = TUSApp(
    storage=FilesystemStorage(directory=place / "uploads"),
    completed_dir=place / "completed",
    max_size=int(most) if most else None,
)
