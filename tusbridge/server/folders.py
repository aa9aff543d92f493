"""The server's folders: made, and tried at the start; the secret key and the database's file."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tusbridge.disks import probe
from tusbridge.files import NO_LINKS, lock_file
from tusbridge.system import change_mode

if TYPE_CHECKING:
    from tusbridge.server.config import ServerConfig

# Seconds to wait for another start that makes the secret key, where there are no hard links.
_KEY_SECONDS = 5.0


def make_folders(config: "ServerConfig") -> None:
    """The data folder with its secret key, and those of files and unfinished files.

    :raises click.ClickException: with what to do about it.
    """
    _make_folder(config.data_dir, 0o700)
    _make_folder(config.files_path, 0o755 if config.folder_mode is None else config.folder_mode)
    _make_folder(partial_path(config), 0o700)
    try:
        make_secret_key(config.data_dir)
        if not config.database_url:
            make_private(config.data_dir / "db.sqlite3")
    except OSError as error:
        raise click.ClickException(
            f"cannot make a file in {config.data_dir}: {error.strerror}; name another folder by "
            "--data-dir"
        ) from error


def _make_folder(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(
            f"cannot make the folder {folder}: {error.strerror}; name another by --data-dir"
            " or --files-dir"
        ) from error


def make_secret_key(folder: Path) -> None:
    """A random key for this server, readable by its user only. Two starts at once agree on one."""
    key = folder / "secret-key"
    if key.exists():
        return
    draft = folder / f"secret-key.{secrets.token_hex(4)}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        with suppress(FileExistsError):
            key.hardlink_to(draft)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _rename_once(draft, key)
    finally:
        draft.unlink(missing_ok=True)


def _rename_once(draft: Path, key: Path) -> None:
    """The first of several starts gives its draft the name; on a disk without hard links."""
    lock = lock_file(f"{key}.lock", _KEY_SECONDS)
    try:
        if not key.exists():
            draft.rename(key)
    finally:
        if lock is not None:
            os.close(lock)


def make_private(database: Path) -> None:
    """SQLite's file, and those beside it, for this user only: tokens are in them. SQLite gives the
    mode of the first one to those that it makes (SQLite, "os_unix.c", findCreateFileMode)."""
    os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            change_mode(f"{database}{suffix}", 0o600)


def partial_path(config: "ServerConfig") -> Path:
    """Where unfinished bytes lie: beside the finished files."""
    return config.files_path.with_name(f"{config.files_path.name}.partial")


def check_disk(config: "ServerConfig") -> list[str]:
    """Find out what the disk can do; sentences about what it does not, and uploads do without.

    :raises click.ClickException: uploads cannot do without it; or unfinished bytes lie on another
        file system than finished files, to which they could not be renamed.
    """
    partial = partial_path(config)
    if os.stat(config.files_path).st_dev != os.stat(partial).st_dev:
        raise click.ClickException(
            f"{config.files_path} is a file system of its own, and {partial}, where "
            "unfinished uploads lie, is not on it; name a folder inside it by --files-dir"
        )
    durable = config.durability == "power"
    disk = probe(str(partial))
    refusal = disk.refusal(durable=durable)
    if refusal is None:
        return disk.warnings(durable=durable)
    advice = "name a folder on another disk by --files-dir"
    if disk.refusal(durable=False) is None:
        advice += ", or be content with --durability process"
    raise click.ClickException(f"{refusal}; {advice}")
