"""jQuery-File-Upload 10.32.0 as it is, with scripts as sites have them, and tus beside it."""

import re
import urllib.error
import urllib.parse
import urllib.request
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest

from tests.browser.legacy_page import CHUNK, assert_on_disk, at, digests_on_disk
from tests.browser.site import BARE_PAGE, FILES, ROOT, TYPES, Site
from tests.browser.upload_page import make_file
from tests.support.proxy import FaultProxy
from tests.support.serve import ask, download, require, sha256

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

LENGTH = 3 * CHUNK + 1000
HALF = 2 * CHUNK


class Bare:
    """The page, and what it uploads through the proxy. See `js/bare.js`."""

    def __init__(self, page: "Page", proxy: FaultProxy) -> None:
        self.page = page
        self.origin = urljoin(proxy.url, "/").rstrip("/")

    def choose(self, *files: Path) -> None:
        self.page.get_by_label("Files").set_input_files(files)

    def begin(self, *files: Path, **given: Any) -> None:
        """Ready the plugin, and choose the files."""
        self.page.evaluate("given => bare.begin(given)", {"origin": self.origin, **given})
        self.choose(*files)

    def upload(self, *files: Path, count: int | None = None, **given: Any) -> list[dict[str, Any]]:
        self.begin(*files, **given)
        wanted = len(files) if count is None else count
        outcomes: list[dict[str, Any]] = self.page.evaluate("n => bare.outcomes(n)", wanted)
        return outcomes

    def tus(self, until: int | None = None, **options: Any) -> str:
        """The URL of what tus-js-client uploads of the chosen file, all of it or at least `until`
        bytes."""
        url: str = self.page.evaluate(
            "([options, until]) => bare.tus(options, until ?? undefined)", [options, until]
        )
        return url

    def url_of(self, outcome: dict[str, Any]) -> str:
        return f"{self.origin}/files/{outcome['id']}"

    def complete(self, upload_id: str, file: Path) -> tuple[int, bytes]:
        """Status and body of the answer to the last POST."""
        fields = {"upload_id": upload_id, "md5": md5(file.read_bytes()).hexdigest()}
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(f"{self.origin}/legacy/complete/", data=body)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


@pytest.fixture
def bare(blank: "Page", proxy: FaultProxy) -> Bare:
    """On the server's own origin, as if the site served it."""
    require(FILES["/bare/fileupload.js"].exists(), "jQuery-File-Upload (npm ci in frontend/)")

    def serve(route: "Route") -> None:
        path = urlsplit(route.request.url).path
        if path == "/bare/":
            route.fulfill(body=BARE_PAGE, content_type="text/html; charset=utf-8")
        else:
            route.fulfill(body=FILES[path].read_bytes(), content_type=TYPES[FILES[path].suffix])

    blank.route("**/bare/**", serve)
    blank.goto(urljoin(proxy.url, "/bare/"))
    return Bare(blank, proxy)


@pytest.fixture
def elsewhere(blank: "Page", site: Site, proxy: FaultProxy) -> Bare:
    """On another origin, which the server lets in."""
    site.options = {"endpoint": proxy.url}
    blank.goto(f"{site.origin}/bare/")
    return Bare(blank, proxy)


def assert_whole(outcome: dict[str, Any], data_dir: Path, file: Path) -> None:
    assert outcome["done"], outcome
    assert outcome["told"] == 200, outcome
    assert_on_disk(data_dir, file)


@pytest.mark.parametrize("length", [0, 1000, CHUNK, LENGTH])
def test_file_arrives_whole(bare: Bare, data_dir: Path, tmp_path: Path, length: int) -> None:
    file = make_file(tmp_path, "plain.bin", length)
    [outcome] = bare.upload(file, chunkSize=CHUNK)
    assert_whole(outcome, data_dir, file)
    assert sha256(download(bare.url_of(outcome))) == sha256(file.read_bytes())


def test_range_of_the_answers_tells_what_came(bare: Bare, tmp_path: Path) -> None:
    file = make_file(tmp_path, "ranges.bin", LENGTH)
    [outcome] = bare.upload(file, chunkSize=CHUNK)
    ends = [CHUNK - 1, 2 * CHUNK - 1, 3 * CHUNK - 1, LENGTH - 1]
    assert outcome["ranges"] == [f"bytes=0-{end}" for end in ends]


def test_one_form_data_object_that_grows_with_each_chunk(
    bare: Bare, proxy: FaultProxy, data_dir: Path, tmp_path: Path
) -> None:
    file = make_file(tmp_path, "grows.bin", LENGTH)
    [outcome] = bare.upload(file, chunkSize=CHUNK, form="object")
    assert_whole(outcome, data_dir, file)
    # each request carries all chunks before its own once more
    assert proxy.bytes_upstream > 9 * CHUNK


@pytest.mark.parametrize("length", [1000, LENGTH])
def test_iframe_transport_reads_the_answer(
    bare: Bare, data_dir: Path, tmp_path: Path, length: int
) -> None:
    file = make_file(tmp_path, "framed.bin", length)
    # it has no chunks, whatever the script asks for
    options = {"forceIframeTransport": True}
    [outcome] = bare.upload(file, chunkSize=CHUNK, options=options)
    assert outcome["answer"]["offset"] == length
    assert_whole(outcome, data_dir, file)


@pytest.mark.parametrize("form", ["own", "object"])
def test_page_of_another_origin(elsewhere: Bare, data_dir: Path, tmp_path: Path, form: str) -> None:
    file = make_file(tmp_path, "elsewhere.bin", LENGTH)
    headers = {"X-CSRFToken": "a token of the page's own site"}
    [outcome] = elsewhere.upload(file, chunkSize=CHUNK, form=form, options={"headers": headers})
    assert outcome["ranges"][0] == f"bytes=0-{CHUNK - 1}"
    assert_whole(outcome, data_dir, file)


def test_page_of_an_origin_that_is_not_let_in_gets_nothing(
    elsewhere: Bare, site: Site, proxy: FaultProxy, tmp_path: Path
) -> None:
    # the same page under its other name
    site.options = {"endpoint": proxy.url}
    elsewhere.page.goto(f"{site.origin.replace('127.0.0.1', 'localhost')}/bare/")
    file = make_file(tmp_path, "stranger.bin", LENGTH)
    [outcome] = elsewhere.upload(file, chunkSize=CHUNK)
    assert not outcome["done"]
    assert outcome["status"] == 0
    assert proxy.bytes_upstream < CHUNK


def test_demos_shared_array_corrupts_nothing_silently(
    bare: Bare, data_dir: Path, tmp_path: Path
) -> None:
    files = [make_file(tmp_path, f"shared-{n}.bin", LENGTH + n) for n in range(2)]
    before = set(digests_on_disk(data_dir))
    outcomes = bare.upload(*files, chunkSize=CHUNK, form="shared")
    stored = set(digests_on_disk(data_dir)) - before
    sent = {sha256(file.read_bytes()): file.name for file in files}
    assert stored <= set(sent)
    # what is not there, the page was told
    told = {one["name"] for one in outcomes if one["told"] == 200}
    assert told == {sent[digest] for digest in stored}
    assert len(told) < 2


def test_without_single_file_uploads_the_first_file_alone_is_sent_in_chunks(
    bare: Bare, data_dir: Path, tmp_path: Path
) -> None:
    first, second = (make_file(tmp_path, f"{n}.bin", LENGTH + n) for n in range(2))
    options = {"singleFileUploads": False}
    [outcome] = bare.upload(first, second, count=1, chunkSize=CHUNK, options=options)
    assert_whole(outcome, data_dir, first)
    assert sha256(second.read_bytes()) not in digests_on_disk(data_dir)


def test_without_multipart_it_is_refused_clearly(bare: Bare, tmp_path: Path) -> None:
    file = make_file(tmp_path, "raw.bin", LENGTH)
    [outcome] = bare.upload(file, chunkSize=CHUNK, options={"multipart": False})
    assert outcome["status"] == 400
    assert outcome["answer"] == {"detail": "No chunk file was submitted"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_other_methods_are_refused(bare: Bare, tmp_path: Path, method: str) -> None:
    file = make_file(tmp_path, "put.bin", 1000)
    [outcome] = bare.upload(file, options={"type": method})
    assert outcome["status"] == 405


def test_the_script_to_copy_works_in_the_page_of_the_documentation(
    blank: "Page", proxy: FaultProxy, data_dir: Path, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "jquery-file-upload.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```html\n(.*?)```", text, re.DOTALL)
    token = '<input type="hidden" name="csrfmiddlewaretoken" value="a-token">'
    script = (ROOT / "frontend" / "src" / "chunked.js").read_text(encoding="utf-8")
    copied = {
        "/copied/": "<!DOCTYPE html>" + example.replace("{% csrf_token %}", token),
        "/static/chunked.js": re.sub(r"(?m)^import .*\n", "", script),
        **{
            f"/static/{theirs}.js": FILES[f"/bare/{ours}.js"].read_text(encoding="utf-8")
            for theirs, ours in {
                "jquery": "jquery",
                "jquery.ui.widget": "widget",
                "jquery.fileupload": "fileupload",
                "spark-md5": "spark-md5",
            }.items()
        },
    }

    def serve(route: "Route") -> None:
        path = urlsplit(route.request.url).path
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        route.fulfill(body=copied[path], content_type=f"{kind}; charset=utf-8")

    blank.route(re.compile("/copied/$|/static/"), serve)
    blank.goto(urljoin(proxy.url, "/copied/"))
    file = make_file(tmp_path, "copied.bin", 9 * 1024 * 1024)
    lost = proxy.lose_answer(at(4 * 1024 * 1024), times=2)
    with blank.expect_request("**/legacy/complete/") as completed:
        blank.get_by_label("Files").set_input_files(file)
    assert completed.value.header_value("x-csrftoken") == "a-token"
    blank.get_by_text(f"copied.bin: done, {file.stat().st_size} of").wait_for()
    assert lost.times == 0
    assert_on_disk(data_dir, file)


class TestWithTus:
    def test_begun_by_forms_completed_by_tus(
        self, bare: Bare, data_dir: Path, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "forms-tus.bin", LENGTH)
        [outcome] = bare.upload(file, chunkSize=CHUNK, until=HALF)
        url = bare.url_of(outcome)
        assert ask(url)["upload-offset"] == str(HALF)
        assert ask(url)["upload-length"] == str(LENGTH)
        assert bare.tus(uploadUrl=url) == url
        assert ask(url)["upload-offset"] == str(LENGTH)
        assert sha256(download(url)) == sha256(file.read_bytes())
        assert_on_disk(data_dir, file)
        # the page's script still has to hear that all is well: once
        assert bare.complete(outcome["id"], file) == (200, b"{}")
        assert bare.complete(outcome["id"], file)[0] == 400
        assert sha256(download(url)) == sha256(file.read_bytes())

    def test_all_bytes_by_forms_are_no_finished_upload_until_it_is_said(
        self, bare: Bare, data_dir: Path, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "forms.bin", LENGTH)
        [outcome] = bare.upload(file, chunkSize=CHUNK, tells=False)
        assert outcome["answer"]["offset"] == LENGTH
        with pytest.raises(urllib.error.HTTPError) as refused:
            download(bare.url_of(outcome))
        refused.value.close()
        assert sha256(file.read_bytes()) not in digests_on_disk(data_dir)
        assert bare.complete(outcome["id"], file) == (200, b"{}")
        assert_on_disk(data_dir, file)

    def test_begun_by_tus_completed_by_forms(
        self, bare: Bare, data_dir: Path, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "tus-forms.bin", LENGTH)
        url = self.half_by_tus(bare, file)
        given = {"uploadId": url.rpartition("/")[2], "offset": HALF}
        [outcome] = bare.upload(file, chunkSize=CHUNK, **given)
        assert outcome["id"] == given["uploadId"]
        assert_whole(outcome, data_dir, file)
        assert sha256(download(url)) == sha256(file.read_bytes())

    def test_begun_by_tus_needs_nobody_to_say_that_all_is_there(
        self, bare: Bare, data_dir: Path, tmp_path: Path
    ) -> None:
        file = make_file(tmp_path, "tus-forms-silent.bin", LENGTH)
        url = self.half_by_tus(bare, file)
        given = {"uploadId": url.rpartition("/")[2], "offset": HALF}
        bare.upload(file, chunkSize=CHUNK, tells=False, **given)
        assert sha256(download(url)) == sha256(file.read_bytes())
        assert_on_disk(data_dir, file)

    @staticmethod
    def half_by_tus(bare: Bare, file: Path) -> str:
        bare.choose(file)
        url = bare.tus(HALF, endpoint=f"{bare.origin}/files/", chunkSize=HALF)
        assert ask(url)["upload-offset"] == str(HALF)
        # an empty field again
        bare.page.reload()
        return url

    def test_in_turns(self, bare: Bare, data_dir: Path, tmp_path: Path) -> None:
        file = make_file(tmp_path, "turns.bin", LENGTH)
        [outcome] = bare.upload(file, chunkSize=CHUNK, until=CHUNK)
        url = bare.url_of(outcome)
        bare.tus(HALF, uploadUrl=url, chunkSize=CHUNK)
        assert ask(url)["upload-offset"] == str(HALF)
        bare.page.reload()
        [outcome] = bare.upload(file, chunkSize=CHUNK, uploadId=outcome["id"], offset=HALF)
        assert_whole(outcome, data_dir, file)
        assert sha256(download(url)) == sha256(file.read_bytes())
