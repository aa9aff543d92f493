"""tussi's application as its README starts it; PLACE is the folder of its files."""

import os
from pathlib import Path

from tussi import FilesystemStorage, TUSApp

place = Path(os.environ["PLACE"])
app = TUSApp(
    storage=FilesystemStorage(directory=place / "uploads"), completed_dir=place / "completed"
)
