"""When an upload is judged by the quotas besides before its creation: with its row, when it is to
get a length, and while it grows. Without limits, none of it asks the database anything.
"""

from typing import TYPE_CHECKING, Any

from tusbridge import leases, quotas
from tusbridge.errors import QuotaExceeded, StoreFull, UploadError
from tusbridge.models import AbstractUpload, Concat
from tusbridge.policy import Actor
from tusbridge.protocol.rules import AppendPlan
from tusbridge.quotas import Growth

if TYPE_CHECKING:
    from tusbridge.appending import Appending
    from tusbridge.service import UploadService


def check_created(service: "UploadService", upload: AbstractUpload) -> None:
    """Judge a creation again, whose row is there now. Nothing is left of one that is refused.

    :raises UploadError: what :func:`quotas.check_create` raises.
    """
    try:
        quotas.check_created(
            **_account_of(service, upload),
            # an upload that was created with its bytes may have no length
            length=upload.offset or None if upload.length is None else upload.length,
            is_final=upload.concat == Concat.FINAL,
        )
    except UploadError:
        if leases.terminate(service.model, upload.pk):
            service.remove_ended_now(upload)
        raise


def check_begin(
    service: "UploadService", upload: AbstractUpload, plan: AppendPlan, more: int | None
) -> None:
    """Judge an append whose body is ``more`` bytes, None where that is not known, before it takes
    the lease: a length that it declares, the body of an upload without a length, and the rest of
    an upload whose promise has lapsed.

    :raises QuotaExceeded: the owner has no room for the bytes.
    :raises StoreFull: the server has no room for the bytes.
    """
    if plan.length is not None:
        wanted = quotas.charge_of(plan.length) - upload.offset
        quotas.check_more(**_account_of(service, upload), more=wanted)
    elif upload.length is None:
        if more:
            quotas.check_more(**_account_of(service, upload), more=more)
    elif _lacks_promise(service, upload):
        total = service.options.MAX_TOTAL_BYTES
        rest, no_quota = upload.length - upload.offset, quotas.Quota()
        quotas.check_more(None, no_quota, more=rest, max_total_bytes=total)


def check_declared(
    service: "UploadService", upload: AbstractUpload, plan: AppendPlan, appending: "Appending"
) -> None:
    """Judge a length again that the row has now. One that is refused is not kept.

    :raises QuotaExceeded: the owner has no room for the bytes.
    :raises StoreFull: the server has no room for the bytes.
    """
    if plan.length is None:
        return
    charge = quotas.charge_of(plan.length)
    try:
        quotas.check_more(**_account_of(service, upload), more=charge, counted=charge)
    except UploadError:
        leases.forget_length(service.model, upload.pk, token=appending.token)
        appending.close()
        raise


def may_assemble(service: "UploadService", final: AbstractUpload, length: int) -> bool:
    """Whether a final upload that waited may get the ``length`` bytes of its parts."""
    counted = 0 if final.length is None or _lacks_promise(service, final) else length
    try:
        quotas.check_more(
            **_account_of(service, final), more=length, counted=counted, is_final=True
        )
    except (QuotaExceeded, StoreFull):
        return False
    return True


def growth_of(service: "UploadService", upload: AbstractUpload, plan: AppendPlan) -> Growth | None:
    """What an append has to ask while it grows an upload; None where the length was promised, or
    there is no limit. The chunks of forms may go beyond the length that was told before."""
    if not plan.all_or_nothing and (upload.length is not None or plan.length is not None):
        return None
    account = _account_of(service, upload)
    if account["max_total_bytes"] is None and account["quota"].max_bytes is None:
        return None
    counted = 0 if upload._state.adding else max(upload.offset, upload.length or 0)
    if not upload._state.adding and _lacks_promise(service, upload):
        counted = upload.offset
    return Growth(lambda more: quotas.check_more(**account, more=more), counted)


def _lacks_promise(service: "UploadService", upload: AbstractUpload) -> bool:
    has_limit = service.options.MAX_TOTAL_BYTES is not None
    return has_limit and upload.length is not None and quotas.has_lapsed(upload)


def _account_of(service: "UploadService", upload: AbstractUpload) -> dict[str, Any]:
    user_id = getattr(upload, "user_id", None)
    return {
        "user_id": user_id,
        "quota": service.policy.quota_of(Actor(user_id=user_id)),
        "max_total_bytes": service.options.MAX_TOTAL_BYTES,
    }
