"""What the checks say of the settings as they are now."""

from django.core.checks import CheckMessage, run_checks


def findings(*, deploy: bool = False) -> list[CheckMessage]:
    return run_checks(tags=["tusbridge"], include_deployment_checks=deploy)


def ids(*, deploy: bool = False) -> list[str]:
    """Without what they all begin with."""
    return [str(found.id).removeprefix("tusbridge.") for found in findings(deploy=deploy)]


def texts() -> str:
    return "\n".join(found.msg for found in findings())
