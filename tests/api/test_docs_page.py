"""The page at `/docs` in a real browser: at two widths, light and dark, with a request sent from it.

Needs Chromium and its driver, and axe-core; skips where they are absent. With VIDSEARCH_SCREENSHOTS=FOLDER,
each sight is kept as a picture.
"""

from __future__ import annotations

import threading

import pytest
import uvicorn

from tests.api.conftest import TOKEN, served
from tests.web.test_browser import Visitor, axe
from tests.web.test_serve import free_port, wait_until_it_listens
from vidsearch import Library
from vidsearch.api.app import create_app

pytestmark = pytest.mark.slow

__all__ = ["axe"]


@pytest.fixture(scope="module")
def address(sample_folder):
    """Where the sample library is served."""
    port = free_port("127.0.0.1")
    with Library.open(sample_folder) as library:
        app = create_app(served(library), token=TOKEN, names=frozenset({"127.0.0.1"}))
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            wait_until_it_listens("127.0.0.1", port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture(scope="module")
def visitor(tmp_path_factory):
    visitor = Visitor(tmp_path_factory.mktemp("profile"))
    yield visitor
    visitor.browser.quit()


def operation(visitor: Visitor, method: str, path: str) -> str:
    """Open an operation, and return what finds it."""
    visitor.run("document.getElementById('asked')?.removeAttribute('id')")
    number = visitor.run(
        "[...document.querySelectorAll('#operations details')].findIndex((one) => "
        f"one.querySelector('summary').innerText.replace(/\\s+/g, ' ').startsWith('{method} {path} '))"
    )
    assert number >= 0, path
    visitor.run(f"document.querySelectorAll('#operations details')[{number}].id = 'asked'")
    visitor.run("document.getElementById('asked').open = true")
    return "#asked"


@pytest.mark.parametrize(("width", "is_dark"), [(w, d) for w in (1400, 390) for d in (False, True)])
def test_the_page_is_accessible_with_all_of_it_open(visitor, address, axe, width, is_dark):
    visitor.emulate(width=width, is_dark=is_dark)
    visitor.browser.get(f"{address}/docs")
    visitor.find("#operations details summary")
    visitor.picture(f"docs-{width}-{'dark' if is_dark else 'light'}")
    visitor.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    visitor.browser.set_script_timeout(120)
    visitor.browser.execute_script(axe)
    violations = visitor.browser.execute_async_script(
        "const done = arguments[0]; axe.run(document).then((result) => done(result.violations.map("
        "(one) => [one.id, one.nodes.slice(0, 3).map((node) => [node.html, node.failureSummary])])))"
    )
    assert violations == []
    assert visitor.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    visitor.run("window.scrollTo(0, 1200)")
    visitor.picture(f"docs-open-{width}-{'dark' if is_dark else 'light'}")


def test_requests_are_sent_from_the_page_and_to_nobody_else(visitor, address, tmp_path):
    visitor.emulate(width=1400, is_dark=False)
    visitor.browser.get(f"{address}/docs")
    visitor.find("#operations details summary")
    visitor.find("#token").send_keys(TOKEN)

    found = operation(visitor, "POST", "/v1/search")
    visitor.click(f"{found} button", "Send")
    visitor.find(f"{found} [aria-live] p", "200 OK")
    assert "num_found" in visitor.find(f"{found} [aria-live] pre:last-of-type").text

    picture = operation(visitor, "GET", "/v1/videos/{video_id}/explanation")
    for name, value in (("video_id", "2"), ("text", "a cat"), ("time_seconds", "6"), ("format", "png")):
        visitor.find(f"{picture} [aria-label='{name}']").send_keys(value)
    visitor.click(f"{picture} button", "Send")
    visitor.find(f"{picture} [aria-live] img")
    visitor.run("document.querySelector('#asked').scrollIntoView()")
    visitor.picture("docs-explained")

    (tmp_path / "cat.srt").write_text("1\n00:00:04,000 --> 00:00:06,000\nWho is a good cat?\n")
    file = operation(visitor, "POST", "/v1/videos/{video_id}/subtitles")
    visitor.find(f"{file} input[aria-label='video_id']").send_keys("99")
    visitor.find(f"{file} input[type=file]").send_keys(str(tmp_path / "cat.srt"))
    visitor.click(f"{file} button", "Send")
    visitor.find(f"{file} [aria-live] p", "404")
    asked = {url for url in visitor.requests() if url.startswith(("http", "ws"))}
    assert {url for url in asked if not url.startswith(f"{address}/")} == set()
