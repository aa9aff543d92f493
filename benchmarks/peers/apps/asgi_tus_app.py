"""asgi-tus's application, of which only the folder is set: PLACE.

MAX_SIZE, where it is set, is the largest upload in bytes.
"""

import os

from asgi_tus import ASGITusApp, FileStorage, TusConfig

most = os.environ.get("MAX_SIZE")
config = TusConfig(max_size=int(most) if most else None)
app = ASGITusApp(FileStorage(os.path.join(os.environ["PLACE"], "files")), config)
