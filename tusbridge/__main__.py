"""``python -m tusbridge`` and the command ``tusbridge``."""

import sys


def main() -> None:
    """Run the command line; say what to install when its libraries are missing."""
    try:
        from tusbridge.server.cli import cli  # noqa: PLC0415 may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"click", "granian", "pydantic_settings"}:
            raise
        sys.exit('the tusbridge command needs its libraries: pip install "tusbridge[server]"')
    cli(prog_name="tusbridge")


if __name__ == "__main__":
    main()
