"""tuspyserver as its README sets it up; PLACE is the folder of its files, MAX_SIZE the largest."""

import os

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from tuspyserver import create_tus_router

app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["*"],
    allow_headers=["*"],
    expose_headers=[
        "Location",
        "Upload-Offset",
        "Tus-Resumable",
        "Tus-Version",
        "Tus-Extension",
        "Tus-Max-Size",
        "Upload-Expires",
        "Upload-Length",
    ],
)
app.include_router(
    create_tus_router(
        files_dir=os.path.join(os.environ["PLACE"], "files"),
        # its own default
        max_size=int(os.environ.get("MAX_SIZE", "128849018880")),
    )
)
