"""asgi-tus's application, of which only the folder is set; PLACE is the folder of its files."""

import os

from asgi_tus import ASGITusApp, FileStorage, TusConfig

app = ASGITusApp(FileStorage(os.path.join(os.environ["PLACE"], "files")), TusConfig())
