"""What gunicorn is told beyond its flags, as docs/servers.md has it."""

from tusbridge.wsgi import hold_continue as pre_request

__all__ = ["pre_request"]
