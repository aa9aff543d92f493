"""Extensions that a site does not announce are as unknown, and checksums are about bodies."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.api.test_tus import BYTES, TUS, create, patch
from tusbridge.conf import parse_options
from tusbridge.models import Upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

BARE = ("creation",)
# of "hello world", whatever part of it comes
WHOLE = "sha1 " + base64.b64encode(hashlib.sha1(b"hello world").digest()).decode()


@pytest.fixture
def bare(tusbridge_settings: Callable[..., None]) -> None:
    tusbridge_settings(EXTENSIONS=BARE)


@pytest.mark.usefixtures("bare")
def test_only_what_is_named_is_announced(client: Client) -> None:
    response = client.options("/files/")
    assert response["Tus-Extension"] == "creation"
    assert "Tus-Checksum-Algorithm" not in response


def test_without_the_setting_all_are(client: Client) -> None:
    response = client.options("/files/")
    assert {"checksum", "termination", "concatenation"} <= set(response["Tus-Extension"].split(","))
    assert response["Tus-Checksum-Algorithm"]


@pytest.mark.usefixtures("bare")
def test_a_whole_files_checksum_with_each_part_disturbs_nothing(client: Client) -> None:
    """As tus-php and tusc.sh send it."""
    made = create(client, HTTP_UPLOAD_CHECKSUM=WHOLE)
    assert made.status_code == 201
    fields = {"HTTP_UPLOAD_CHECKSUM": WHOLE, "HTTP_UPLOAD_OFFSET": "0", **TUS}
    part = client.patch(made["Location"], b"hello", content_type=BYTES, **fields)
    assert (part.status_code, part["Upload-Offset"]) == (204, "5")
    fields["HTTP_UPLOAD_CHECKSUM"] = "md999 nonsense"
    fields["HTTP_UPLOAD_OFFSET"] = "5"
    part = client.patch(made["Location"], b"world", content_type=BYTES, **fields)
    assert (part.status_code, part["Upload-Offset"]) == (204, "10")


@pytest.mark.usefixtures("bare")
def test_a_delete_is_405_without_termination(client: Client) -> None:
    url = create(client)["Location"]
    response = client.delete(url, **TUS)
    assert response.status_code == 405
    assert "DELETE" not in response["Allow"]
    override = client.post(url, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE", **TUS)
    assert override.status_code == 405
    assert client.head(url, **TUS).status_code == 200


@pytest.mark.usefixtures("bare")
def test_no_expiry_is_told_without_expiration(client: Client) -> None:
    made = create(client)
    told = [made, client.head(made["Location"], **TUS), patch(client, made["Location"], b"12345")]
    assert [response.status_code for response in told] == [201, 200, 204]
    assert not any("Upload-Expires" in response for response in told)
    assert Upload.objects.get().expires_at is not None


@pytest.mark.usefixtures("bare")
def test_a_length_must_be_told_without_deferring(client: Client) -> None:
    response = client.generic("POST", "/files/", HTTP_UPLOAD_DEFER_LENGTH="1", **TUS)
    assert response.status_code == 400
    assert b"Upload-Length is missing" in response.content
    url = create(client)["Location"]
    fields = {"HTTP_UPLOAD_LENGTH": "99", "HTTP_UPLOAD_OFFSET": "0", **TUS}
    assert client.patch(url, b"1", content_type=BYTES, **fields).status_code == 204


@pytest.mark.usefixtures("bare")
def test_the_body_of_a_creation_is_not_the_uploads(client: Client) -> None:
    fields = {"HTTP_UPLOAD_LENGTH": "10", **TUS}
    for kind in (BYTES, "text/plain"):
        made = client.generic("POST", "/files/", b"hello", kind, **fields)  # type: ignore[arg-type]
        assert made.status_code == 201
        assert "Upload-Offset" not in made
        assert client.head(made["Location"], **TUS)["Upload-Offset"] == "0"


@pytest.mark.usefixtures("bare")
def test_a_part_is_an_upload_like_any_other_without_concatenation(client: Client) -> None:
    made = create(client, HTTP_UPLOAD_CONCAT="partial")
    assert "Upload-Concat" not in client.head(made["Location"], **TUS)
    final = client.generic("POST", "/files/", HTTP_UPLOAD_CONCAT=f"final;{made['Location']}", **TUS)
    assert final.status_code == 400
    assert b"Upload-Length is missing" in final.content


def test_a_final_of_unfinished_parts_needs_its_extension(
    client: Client, tusbridge_settings: Callable[..., None]
) -> None:
    tusbridge_settings(EXTENSIONS=("creation", "concatenation"))
    part = create(client, HTTP_UPLOAD_CONCAT="partial")["Location"]
    fields: dict[str, Any] = {"HTTP_UPLOAD_CONCAT": f"final;{part}", **TUS}
    refused = client.generic("POST", "/files/", **fields)
    assert refused.status_code == 400
    assert refused.content.startswith(b"not-supported: ")
    patch(client, part, b"0123456789")
    assert client.generic("POST", "/files/", **fields).status_code == 201


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("creation", "sum"), "unknown extension 'sum'"),
        (("termination",), "creation is missing"),
        (("creation", "checksum-trailer"), "checksum-trailer needs checksum"),
        (("creation", "concatenation-unfinished"), "needs concatenation"),
        (("creation-with-upload",), "creation-with-upload needs creation"),
        ((), "creation is missing"),
    ],
)
def test_what_makes_no_sense_is_refused(names: tuple[str, ...], why: str) -> None:
    with pytest.raises(Exception, match=why):
        parse_options({"EXTENSIONS": names})


# --- checksums are about the body of their request


@pytest.mark.parametrize("checksum", [WHOLE, "md999 x", "nonsense"])
@pytest.mark.parametrize("length", ["0", "10"])
def test_a_creation_without_a_body_has_nothing_to_check(
    client: Client, checksum: str, length: str
) -> None:
    fields = {"HTTP_UPLOAD_CHECKSUM": checksum, "HTTP_UPLOAD_LENGTH": length, **TUS}
    assert client.generic("POST", "/files/", **fields).status_code == 201  # type: ignore[arg-type]


def test_a_creation_with_a_body_is_checked(client: Client) -> None:
    fields = {"HTTP_UPLOAD_CHECKSUM": WHOLE, "HTTP_UPLOAD_LENGTH": "10", **TUS}
    made = client.generic("POST", "/files/", b"hello", BYTES, **fields)  # type: ignore[arg-type]
    assert made.status_code == 460
    assert not Upload.objects.exists()


def test_an_empty_patch_is_checked_as_what_it_is(client: Client) -> None:
    """tus 1.0.0, checksum: the entire request is checked, here one without bytes."""
    url = create(client)["Location"]
    fields = {"HTTP_UPLOAD_CHECKSUM": WHOLE, "HTTP_UPLOAD_OFFSET": "0", **TUS}
    assert client.generic("PATCH", url, CONTENT_TYPE=BYTES, **fields).status_code == 460
