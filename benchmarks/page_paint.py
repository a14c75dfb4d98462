"""How long a browser takes to show the first screen of a large library: its first paint, its first picture.

    python benchmarks/page_paint.py [--frames 10000] [--videos 2000] [--runs 3]

The page is served by `vidsearch ui` and opened in a headless Chromium (Debian: chromium, chromium-driver),
each time as a new visitor with an empty cache; the first one comes as soon as the server answers. Times are
the browser's own, from the request for the page on. The library is that of page_latency.py.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from page_latency import build
from selenium import webdriver

PICTURES_SHOWN = """
return [...document.querySelectorAll('.vs-picture img')].filter((one) => one.naturalWidth).length
"""
TIMES = """
const of = (kind, name) => performance.getEntriesByType(kind).find((one) => one.name === name)?.startTime;
const pictures = performance.getEntriesByType('resource').filter((one) => one.name.includes('/frames/'));
return [of('paint', 'first-contentful-paint'), Math.min(...pictures.map((one) => one.responseEnd))]
"""


def visit(address: str) -> tuple[float, float]:
    """Open the page in a new browser. Returns milliseconds to its first paint, and to its first picture."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit("chromium is not installed")
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1400,1000"):
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        browser.get(address)
        for _ in range(600):
            if browser.execute_script(PICTURES_SHOWN):
                break
            time.sleep(0.05)
        paint, picture = browser.execute_script(TIMES)
        return float(paint), float(picture)
    finally:
        browser.quit()


def main() -> None:
    """Build the library, serve it, visit it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--videos", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        library = Path(folder) / "library"
        build(library, arguments.frames, arguments.videos)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, "-m", "vidsearch", "ui", "--library", str(library), "--port", str(port)]
        server = subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            print(f"{arguments.videos} videos, {arguments.frames} frames, milliseconds:")
            for number in range(arguments.runs):
                paint, picture = visit(address)
                print(f"  visitor {number + 1}: first paint {paint:.0f}, first picture {picture:.0f}")
        finally:
            server.terminate()
            server.communicate(timeout=30)


if __name__ == "__main__":
    main()
