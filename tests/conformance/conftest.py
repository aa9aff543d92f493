"""What the tests of the tool share."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.serve import require

Certify = Callable[[str], Path]


@pytest.fixture(scope="session")
def certify(tmp_path_factory: pytest.TempPathFactory) -> Certify:
    """A new self-signed certificate for a name, such as `IP:127.0.0.1`, and its key."""

    require(shutil.which("openssl"), "openssl")

    def make(name: str) -> Path:
        place = tmp_path_factory.mktemp("certificate")
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        words += ["-nodes", "-days", "2", "-subj", "/CN=conformance"]
        words += ["-addext", f"subjectAltName={name}"]
        words += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
        words += ["-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run(words, cwd=place, check=True, capture_output=True)
        both = place / "both.pem"
        both.write_text((place / "cert.pem").read_text() + (place / "key.pem").read_text())
        return both

    return make
