"""A walk through the page in a real browser: index, search, open a moment, see where it matches, export.

Needs Chromium and its driver (Debian: chromium, chromium-driver), and skips where they are absent. The check
of accessibility needs axe-core (`npm ci --prefix tests/web`), which it installs where npm can. With
VIDSEARCH_SCREENSHOTS=FOLDER, each stop is kept as a picture.
"""

from __future__ import annotations

import json
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

PATIENCE_SECONDS = 120
ENTER, ESCAPE, ARROW_DOWN = "\ue007", "\ue00c", "\ue015"


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    return pytest.fail(f"waited {PATIENCE_SECONDS} s for {what}")


@pytest.fixture(scope="module")
def library_path(tmp_path_factory):
    return tmp_path_factory.mktemp("page") / "library"


@pytest.fixture(scope="module")
def entrance(library_path):
    """The page of a new library, served by the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--library", str(library_path), "--port", str(port), "--no-browser"]
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
        options.add_argument("--window-size=1400,1000")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
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

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()

    def focused(self) -> str:
        """The name of what has the focus."""
        return str(
            self.run(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || ''"
            )
        )

    def picture(self, name: str) -> None:
        folder = os.environ.get("VIDSEARCH_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            time.sleep(2.0)
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))

    def run(self, script: str) -> Any:
        return self.browser.execute_script(f"return {script}")

    def emulate(self, *, width: int, is_dark: bool) -> None:
        """Show pages at a width, in light or dark colours, from the next one on."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def requests(self) -> list[str]:
        """The addresses that the browser asked for since it was last asked, WebSockets too."""
        found = []
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                found.append(message["params"]["url"])
        return found


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


DROP = """
const [selector, address, name] = arguments, done = arguments[arguments.length - 1];
fetch(address).then((reply) => reply.blob()).then((blob) => {
  const files = new DataTransfer();
  files.items.add(new File([blob], name, { type: "video/mp4" }));
  for (const kind of ["dragover", "drop"]) {
    document.querySelector(selector).dispatchEvent(
      new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
  }
  done();
});
"""


HOSTILE_NAME = "www.evil.example &lt;b&gt; <img src=x onerror=alert(1)>.mp4"


@pytest.fixture(scope="module")
def videos(tmp_path_factory, sample_videos):
    """The sample videos, one of them under a name that would be a link and markup."""
    folder = tmp_path_factory.mktemp("videos")
    for video in sample_videos.glob("*.mp4"):
        shutil.copy(video, folder / (HOSTILE_NAME if video.name == "cafe.mp4" else video.name))
    return folder


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core, installed where it is not; None where it cannot be."""
    folder = Path(__file__).parent
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists() and (npm := shutil.which("npm")):
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, timeout=120, check=False)
    return source.read_text() if source.exists() else None


def check_access(visitor, axe):
    """Assert that axe-core finds nothing on the page as it is, and that nothing hangs over its side."""
    if axe is None:
        pytest.skip("axe-core is not here: npm ci in tests/web")
    time.sleep(1.5)  # for what fades in
    visitor.browser.set_script_timeout(60)
    visitor.browser.execute_script(axe)
    violations = visitor.browser.execute_async_script(
        "const done = arguments[0]; axe.run(document).then((result) => done(result.violations.map("
        "(one) => [one.id, one.nodes.map((node) => [node.html, node.failureSummary])])))"
    )
    assert violations == []
    wider = visitor.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0


def test_an_empty_library_is_accessible(visitor, address, axe):
    for width, is_dark in ((1400, False), (390, True)):
        visitor.emulate(width=width, is_dark=is_dark)
        visitor.browser.get(address)
        visitor.find(".vs-add", "Drop videos here")
        visitor.picture(f"empty-{width}")
        check_access(visitor, axe)
    visitor.emulate(width=1400, is_dark=False)


def test_videos_are_chosen_copied_into_a_folder_and_indexed(visitor, address, videos, tmp_path):
    """In an empty library, from its first screen."""
    visitor.browser.get(address)
    visitor.find(".vs-add", "Drop videos here")
    field = visitor.browser.find_element("css selector", ".vs-add input[type='file']")
    field.send_keys(f"{videos / 'cat.mp4'}\n{Path(__file__)}")
    visitor.find(".vs-add li", "cat.mp4")
    visitor.find(".vs-add-problem", f"passed over: {Path(__file__).name}")
    visitor.picture("chosen")
    folder = visitor.find(".vs-add input[type='text']")
    folder.clear()
    folder.send_keys(str(tmp_path / "nowhere"))
    visitor.click(".vs-add button", "Copy and index")
    visitor.find(".vs-add-problem", "There is no folder")
    folder.clear()
    folder.send_keys(str(tmp_path) + ENTER)
    visitor.find("h3", "The last run")
    visitor.find(".vs-files li", "Done")
    assert (tmp_path / "cat.mp4").read_bytes() == (videos / "cat.mp4").read_bytes()


def test_index_search_open_explain_and_export(visitor, address, videos):
    visitor.browser.get(f"{address}/index")
    visitor.type("Folder or video", str(videos))  # Enter starts the run
    visitor.find("h3", "Indexing")
    visitor.find(".vs-files li", "cat.mp4")
    visitor.browser.refresh()  # progress survives a reload
    visitor.find("h3", "The last run")
    visitor.find(".vs-files li", "Done")
    visitor.picture("index")

    visitor.browser.get(address)
    visitor.find(".vs-card", "cat.mp4")
    visitor.find(".st-key-examples button")
    visitor.picture("home")
    visitor.browser.get(f"{address}/?q=a+cat")
    visitor.find(".vs-card", "cat.mp4")
    assert wait_for(lambda: visitor.run("document.querySelector('.vs-card img').naturalWidth"), "a thumbnail")
    visitor.picture("search")

    visitor.click(".vs-picture")
    visitor.find(".vs-moment h3", "cat.mp4")
    assert "moment=" in visitor.browser.current_url
    wait_for(lambda: visitor.run("document.querySelector('video')?.readyState >= 2"), "the video")
    start = visitor.run("document.querySelector('video').currentTime")
    visitor.click(".vs-main", "Play the moment")
    wait_for(lambda: visitor.run("document.querySelector('video').currentTime") > start, "playing")
    wait_for(lambda: visitor.run("document.querySelector('video').paused"), "the end of the moment")
    visitor.click(".vs-action", "Where it matches")
    wait_for(lambda: visitor.run("document.querySelector('.vs-heat').naturalWidth"), "the heat map")
    visitor.picture("moment")
    visitor.click(".vs-line-button")
    assert visitor.run("document.querySelector('.vs-heat').hidden")
    wait_for(lambda: visitor.run("document.querySelector('video').currentTime") < 1, "the first line")
    visitor.click("button", "Save these")
    visitor.find("button", "Final Cut XML")

    visitor.browser.get(f"{address}/library")
    visitor.find(".vs-card", "space.mp4")
    visitor.picture("library")
    visitor.click(".vs-picture")
    visitor.find(".vs-moment")
    visitor.picture("video")
    visitor.browser.get(f"{address}/explore")
    visitor.find("[data-testid='stVegaLiteChart']")
    visitor.picture("explore")


def test_a_moment_is_taught_and_found_by_its_name(visitor, address):
    visitor.browser.get(f"{address}/?q=a+cat")
    visitor.click(".vs-picture")
    visitor.find(".vs-moment h3", "cat.mp4")
    visitor.find(".vs-seen[aria-current]", "cat")
    visitor.click("button", "Name this")
    visitor.find("input[placeholder='Minka, our press']").send_keys("Minka" + ENTER)
    visitor.find("[data-testid='stAlert']", "Minka: 1 example")
    visitor.picture("taught")
    visitor.browser.get(f"{address}/library")
    visitor.click("summary", "Minka: 1 example")
    visitor.find(".vs-examples li", "cat.mp4, 0:")
    visitor.picture("concepts")
    visitor.click("a", "Find it")
    visitor.find(".vs-card", "cat.mp4")


def test_pictures_of_an_answer_are_taught_together(visitor, address):
    visitor.browser.get(f"{address}/?q=a+cat&weaker=1")
    visitor.click("button", "Teach a name")
    visitor.find(".vs-pick-bar", "Click what shows it")
    pictures = visitor.browser.find_elements("css selector", ".vs-picture")
    for number in (0, 1, 1):
        pictures[number].click()
    visitor.find(".vs-pick-bar", "1 shows it, 1 is not it")
    assert visitor.focused().endswith(": is not it")
    visitor.picture("picking")
    visitor.find(".vs-pick-bar input").send_keys("Tibbles" + ENTER)
    visitor.find("[data-testid='stAlert']", "Tibbles: 1 example, 1 against it")
    visitor.find(".st-key-pick")
    assert "moment=" not in visitor.browser.current_url


def test_labels_are_lanes_that_lead_to_their_time(visitor, address, library_path):
    subprocess.run(
        [sys.executable, "-m", "vidsearch", "label", "--labels", "a cat", "--library", str(library_path)],
        check=True,
        capture_output=True,
    )
    visitor.browser.get(f"{address}/?q=a+cat")
    visitor.click(".vs-picture")
    visitor.find(".vs-lane", "a cat")
    wait_for(lambda: visitor.run("document.querySelector('video')?.readyState >= 2"), "the video")
    visitor.click(".vs-line-button")
    wait_for(lambda: visitor.run("document.querySelector('video').currentTime") < 1, "the first line")
    visitor.picture("lanes")
    span = visitor.browser.find_element("css selector", ".vs-lane button")
    assert span.get_attribute("aria-label").startswith("a cat, 0:0")
    span.click()
    wait_for(lambda: visitor.run("document.querySelector('video').currentTime") > 2, "the label's time")


def test_a_video_dropped_anywhere_is_shown_where_it_is_indexed(visitor, address):
    visitor.browser.get(f"{address}/library")
    visitor.find(".vs-card")
    visitor.browser.execute_async_script(DROP, ".vs-card", "/files/videos/1", "dropped.mp4")
    visitor.find("h3", "Add videos")
    visitor.find(".vs-add li", "dropped.mp4")


def test_keys_alone_find_open_play_and_close(visitor, address):
    visitor.browser.get(address)
    visitor.find(".vs-card")
    visitor.press("/")
    assert visitor.focused() == "Search"
    visitor.press(*"a cat", ENTER)
    wait_for(lambda: "q=a+cat" in visitor.browser.current_url, "the search")
    visitor.find(".vs-sure")
    visitor.press(ARROW_DOWN)
    assert visitor.focused().startswith("Open cat.mp4")
    line = "parseFloat(document.activeElement.querySelector('.vs-line').style.width)"
    wait_for(lambda: visitor.run(f"{line} > 20"), "the frames of the moment")
    visitor.press(" ")
    wait_for(lambda: visitor.run(f"{line} === 0"), "the frames to stop")
    visitor.press(" ")
    wait_for(lambda: visitor.run(f"{line} > 0"), "the frames to go on")
    visitor.press(ENTER)
    visitor.find(".vs-moment h3", "cat.mp4")
    wait_for(lambda: visitor.focused().startswith("Moment: cat.mp4"), "the focus on the moment")
    wait_for(lambda: visitor.run("document.querySelector('video').readyState >= 2"), "the video")
    visitor.press(" ")
    wait_for(lambda: not visitor.run("document.querySelector('video').paused"), "playing")
    visitor.press(" ")
    wait_for(lambda: visitor.run("document.querySelector('video').paused"), "the pause")
    visitor.press(ESCAPE)
    wait_for(lambda: "moment=" not in visitor.browser.current_url, "the moment to close")
    wait_for(lambda: visitor.focused().startswith("Open cat.mp4"), "the focus back on the card")
    visitor.press("?")
    visitor.find("dialog[open]", "Play the moment")
    visitor.press(ESCAPE)
    assert not visitor.run("document.querySelector('dialog').open")


SIGHTS = [(width, is_dark) for width in (1400, 768, 390) for is_dark in (False, True)]
"""Widths of the page, in light and in dark."""
PATHS = [
    "/",
    "/?q=a+cat&moment=1&weaker=1",
    "/?q=a+cat&in=cat&then1=stones",
    "/library",
    "/library?video=1",
    "/index",
    "/explore",
]


@pytest.mark.parametrize(("width", "is_dark"), SIGHTS)
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_accessible(visitor, address, axe, path, width, is_dark):
    visitor.emulate(width=width, is_dark=is_dark)
    visitor.browser.get(address + path)
    visitor.find(".vs-card" if path != "/index" else "h3")
    if "moment" in path or "video" in path:
        visitor.find(".vs-frame")
    visitor.run("document.querySelectorAll('summary').forEach((closed) => closed.click())")
    check_access(visitor, axe)


def test_a_long_name_does_not_push_a_moment_over_the_side(visitor, address):
    """On a telephone a name without a break made the player wider than the screen."""
    visitor.emulate(width=390, is_dark=False)
    visitor.browser.get(f"{address}/?q=a+cat")
    visitor.click(".vs-picture")
    visitor.find(".vs-moment h3", "cat.mp4")
    visitor.run("document.querySelector('.vs-moment h3').textContent = 'long_name_'.repeat(12)")
    parts = "[...document.querySelectorAll('.vs-screen, .vs-title > *')]"
    assert visitor.run(f"{parts}.filter((one) => one.getBoundingClientRect().right > innerWidth).length") == 0


@pytest.mark.parametrize(("width", "is_dark"), [(1400, False), (390, True)])
def test_what_is_opened_picked_and_dropped_is_accessible(visitor, address, axe, width, is_dark):
    visitor.emulate(width=width, is_dark=is_dark)
    visitor.browser.get(f"{address}/?q=a+cat&weaker=1")
    visitor.click("button", "Teach a name")
    visitor.find(".vs-pick-bar", "Click what shows it")
    for number in (0, 1, 1):
        visitor.browser.find_elements("css selector", ".vs-picture")[number].click()
    visitor.find(".vs-picked", "not it")
    check_access(visitor, axe)
    visitor.browser.get(f"{address}/?q=a+cat")
    visitor.find(".vs-card")
    visitor.browser.find_element("css selector", ".st-key-bar-search [data-testid='stPopoverButton']").click()
    visitor.find("[data-testid='stPopoverBody']", "How sure at least")
    check_access(visitor, axe)
    visitor.browser.get(f"{address}/index")
    visitor.find(".vs-add")
    visitor.browser.find_element("css selector", ".vs-add input[type='file']").send_keys(__file__)
    visitor.browser.execute_async_script(DROP, ".vs-add", "/files/videos/1", "dropped.mp4")
    visitor.find(".vs-add li", "dropped.mp4")
    check_access(visitor, axe)


@pytest.mark.parametrize("path", [*PATHS, "/?q=coffee&weaker=1"])
def test_no_name_or_caption_is_a_link_or_markup(visitor, address, path):
    visitor.emulate(width=1400, is_dark=False)
    visitor.browser.get(address + path)
    visitor.find(".vs-card, .vs-files li")
    time.sleep(1)
    assert visitor.run("[...document.links].filter((a) => a.host !== location.host).length") == 0
    assert visitor.run("document.querySelectorAll('img[onerror]').length") == 0


def test_nothing_is_asked_of_the_network(visitor, address):
    """Runs last: all that the walk above asked for."""
    socket_address = address.replace("http://", "ws://")
    own = (address, socket_address, "data:", "blob:", "chrome:", "chrome-untrusted:")
    asked = visitor.requests()
    assert len(asked) > 100
    assert [url for url in asked if not url.startswith(own)] == []
