"""A walk through the page in a real browser: index the sample videos, search, open a hit, see where, export.

Needs Chromium and its driver (Debian: chromium, chromium-driver), and skips where they are absent. With
VIDSEARCH_SCREENSHOTS=FOLDER, each stop is kept as a picture.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 240


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    return pytest.fail(f"waited {PATIENCE_SECONDS} s for {what}")


@pytest.fixture(scope="module")
def entrance(tmp_path_factory):
    """The page of a new library, served by the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    library = tmp_path_factory.mktemp("page") / "library"
    options = ["--library", str(library), "--port", str(port), "--no-browser"]
    command = [sys.executable, "-m", "vidsearch", "ui", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    try:
        wait_for(answers, "the server")
        yield url
    finally:
        server.terminate()
        server.communicate(timeout=30)


class Visitor:
    """Someone with a browser, who reads what is on the page and clicks it."""

    def __init__(self, profile: Path) -> None:
        webdriver = pytest.importorskip("selenium.webdriver")
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or pytest.skip("no chromium here")
        for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"):
            options.add_argument(flag)
        for flag in ("background-networking", "component-update", "sync"):
            options.add_argument(f"--disable-{flag}")
        options.add_argument(f"--user-data-dir={profile}")
        options.add_argument("--window-size=1280,960")
        driver = shutil.which("chromedriver") or pytest.skip("no chromedriver here")
        self.browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))

    def find(self, css: str, text: str = "") -> Any:
        from selenium.common.exceptions import StaleElementReferenceException

        def found() -> Any:
            try:
                elements = self.browser.find_elements("css selector", css)
                return next((one for one in elements if text in one.text), None)
            except StaleElementReferenceException:  # drawn anew while it was read
                return None

        return wait_for(found, f"{css} {text!r}")

    def click(self, css: str, text: str = "") -> None:
        from selenium.common.exceptions import WebDriverException

        def clicked() -> bool:
            try:
                element = self.find(css, text)
                self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
            except WebDriverException:  # drawn anew under the mouse
                return False
            return True

        wait_for(clicked, f"a click on {text!r}")

    def type(self, label: str, text: str) -> None:
        field = self.find(f"input[aria-label='{label}']")
        field.send_keys(text + "\n")

    def picture(self, name: str) -> None:
        folder = os.environ.get("VIDSEARCH_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            time.sleep(2.0)
            self.browser.execute_script("window.scrollTo(0, 0)")
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))

    def run(self, script: str) -> Any:
        return self.browser.execute_script(f"return {script}")


@pytest.fixture(scope="module")
def visitor(tmp_path_factory, entrance):
    """Someone who opens the address that the command printed."""
    visitor = Visitor(tmp_path_factory.mktemp("profile"))
    visitor.browser.get(entrance)
    yield visitor
    visitor.browser.quit()


@pytest.fixture(scope="module")
def address(entrance):
    """Where the page is, without its token."""
    return entrance.partition("/?")[0]


def test_index_search_open_explain_and_export(visitor, address, sample_videos):
    visitor.browser.get(f"{address}/index")
    visitor.type("Folder or video", str(sample_videos))  # Enter starts the run
    visitor.find("h3", "Indexing")
    visitor.browser.refresh()  # progress survives a reload
    visitor.find("h3", "The last run")
    visitor.find("[data-testid='stCode']", "Indexed 4 videos")
    visitor.picture("index")

    visitor.browser.get(f"{address}/?q=a+cat")
    visitor.find(".vs-card", "cat.mp4")
    assert "cat.mp4" in str(visitor.run("document.querySelector('.vs-card').innerText"))
    assert wait_for(lambda: visitor.run("document.querySelector('.vs-card img').naturalWidth"), "a thumbnail")
    visitor.picture("search")

    visitor.click("button", "Open")
    visitor.find("h3", "cat.mp4")
    wait_for(lambda: visitor.run("document.querySelector('video')?.readyState >= 2"), "the video")
    assert visitor.run("document.querySelector('video').currentTime") > 0
    visitor.click("label", "Show where it matches")
    visitor.find("[data-testid='stImage'] img")
    visitor.picture("moment")
    visitor.click("button", "Save these")
    visitor.find("button", "Final Cut XML")

    visitor.browser.get(f"{address}/library")
    visitor.find(".vs-card", "space.mp4")
    visitor.picture("library")
    visitor.browser.get(f"{address}/explore")
    visitor.find("[data-testid='stVegaLiteChart']")
    visitor.picture("explore")


def test_nothing_is_loaded_from_elsewhere(visitor, address):
    visitor.browser.get(address)
    visitor.find("input[aria-label='What do you want to see?']")
    loaded = visitor.run("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [url for url in loaded if not url.startswith((address, "data:", "blob:"))] == []
