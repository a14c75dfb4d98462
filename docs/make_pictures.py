"""Make the pictures of the page in docs/pictures from the sample videos, and the animation in README.md.

    python docs/make_pictures.py

Needs the `ui` extra, Selenium, and Chromium with its driver (Debian: chromium, chromium-driver).
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver

PORT = 8765
WIDTH, HEIGHT = 1180, 720
HOME_HEIGHT = 470
"""Of the first screen's picture: below it the sample videos leave it empty."""
ANIMATION_WIDTH = 960
MOST_BYTES = 1_000_000
QUERY = "a cat"
ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"


class Camera:
    """A browser whose window is photographed."""

    def __init__(self, address: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or sys.exit("chromium is not installed")
        for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"):
            options.add_argument(flag)
        self.browser = webdriver.Chrome(
            options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
        )
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
        )
        self.frames: list[tuple[Image.Image, int]] = []
        self.browser.get(address)

    def until(self, script: str) -> Any:
        """Wait until a script's value is true; return it."""
        for _ in range(600):
            value = self.browser.execute_script(f"return {script}")
            if value:
                return value
            time.sleep(0.1)
        sys.exit(f"waited a minute for {script}")

    def run(self, script: str) -> None:
        self.browser.execute_script(script)

    def press(self, keys: str) -> None:
        webdriver.ActionChains(self.browser).send_keys(keys).perform()

    def shoot(self, milliseconds: int, name: str | None = None, *, height: int = HEIGHT) -> None:
        """Keep what is to be seen as a frame of the animation; with a name, its upper part as a picture."""
        image = Image.open(io.BytesIO(self.browser.get_screenshot_as_png())).convert("RGB")
        if name:
            upper = image.crop((0, 0, WIDTH, height))
            upper.save(PICTURES / f"{name}.jpg", quality=82, optimize=True, progressive=True)
        small = image.resize((ANIMATION_WIDTH, HEIGHT * ANIMATION_WIDTH // WIDTH), Image.Resampling.LANCZOS)
        self.frames.append((small, milliseconds))


def walk(camera: Camera) -> None:
    """Search for a cat, point at it, open it, play it, see where it is."""
    camera.until("document.querySelector('.st-key-examples button')")
    loaded = "[...document.querySelectorAll('.vs-picture img')].every((one) => one.naturalWidth)"
    camera.until(loaded)
    time.sleep(1.0)
    camera.shoot(1600, "page-home", height=HOME_HEIGHT)
    camera.press("/")
    for letter in QUERY:
        camera.press(letter)
        camera.shoot(130)
    camera.press("\ue007")  # Enter
    camera.until("document.querySelector('.vs-sure')")
    camera.until(loaded)
    time.sleep(1.5)
    camera.shoot(900)
    camera.press("\ue015")  # arrow down
    for _ in range(5):
        time.sleep(0.45)
        camera.shoot(350)
    camera.press("\ue007")
    camera.until("document.querySelector('video')?.readyState >= 2")
    time.sleep(1.5)
    camera.shoot(1000)
    camera.press(" ")
    for _ in range(4):
        time.sleep(0.5)
        camera.shoot(350)
    heat = "[...document.querySelectorAll('.vs-action')].find((one) => one.innerText == 'Where it matches')"
    camera.run(f"{heat}.click()")
    camera.until("document.querySelector('.vs-heat').naturalWidth")
    time.sleep(0.5)
    camera.shoot(2500, "page-moment")


def main() -> None:
    """Index the samples, serve them, photograph the page."""
    with tempfile.TemporaryDirectory() as folder:
        library = str(Path(folder) / "library")
        program = [sys.executable, "-m", "vidsearch"]
        samples = str(ROOT / "sample_data")
        subprocess.run([*program, "index", "--library", library, "--models", "mini", samples], check=True)
        serve = [*program, "ui", "--library", library, "--port", str(PORT), "--no-browser"]
        server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            time.sleep(3.0)
            camera = Camera(address)
            walk(camera)
            camera.browser.quit()
        finally:
            server.terminate()
            server.communicate()
    images, durations = zip(*camera.frames, strict=True)
    path = PICTURES / "page.webp"
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=durations, loop=0, quality=55, method=6
    )
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"{path} has {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    main()
