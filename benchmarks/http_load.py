"""What `vidsearch serve` answers to many clients at once, while another process indexes into its library.

    python benchmarks/http_load.py [--clients 200] [--seconds 20] [--pause 2.0]

The library holds the sample videos, indexed with `mini`; the second process indexes copies of them, each made
another video by a few bytes at its end, over and over. Each client asks for one thing after the other, with a
pause between, in this mixture: 40 % searches of words nobody asked before, 20 % thumbnails, 20 % captions,
10 % lists of videos, 10 % ranges of a video's file. Printed are the answers by kind, those that are none, and
the times within which half and 95 % of them had come whole.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import numpy as np
import psutil

from vidsearch import Library

SAMPLES = Path(__file__).parents[1] / "sample_data"
TOKEN = "a-token-for-the-benchmark"
PORT = 18650
ADDRESS = f"http://127.0.0.1:{PORT}"
THINGS = ("a cat", "a rocket", "a cup of coffee", "a photographer", "a dog", "stars", "people", "a city")
PLACES = ("on grass", "in the dark", "near a window", "by the sea", "with a hat", "from above", "at night")


def request(random_number: random.Random) -> tuple[str, str, dict[str, str]]:
    """A kind of request, its path and its headers."""
    share = random_number.random()
    video = random_number.randint(1, 4)
    if share < 0.4:
        words = f"{random_number.choice(THINGS)} {random_number.choice(PLACES)} {random_number.random():.6f}"
        return "search", f"/v1/search?text={words}", {}
    if share < 0.6:
        return "thumbnail", f"/v1/frames/{random_number.randint(1, 60)}/thumbnail", {}
    if share < 0.8:
        return "captions", f"/v1/videos/{video}/captions?level=frame", {}
    if share < 0.9:
        return "videos", "/v1/videos", {}
    return "media", f"/v1/videos/{video}/media", {"Range": "bytes=1000-66535"}


async def ask(clients: int, seconds: float, pause: float, server: psutil.Process) -> None:
    """Let clients ask for a while, and print what they got."""
    times: dict[str, list[float]] = defaultdict(list)
    errors: Counter[str] = Counter()
    end = time.monotonic() + seconds
    worked_before = sum(server.cpu_times()[:2])

    async def client(number: int, http: httpx.AsyncClient) -> None:
        random_number = random.Random(number)
        await asyncio.sleep(random_number.random() * pause)
        while time.monotonic() < end:
            kind, path, headers = request(random_number)
            begun = time.perf_counter()
            try:
                reply = await http.get(path, headers=headers)
            except httpx.HTTPError as error:
                errors[f"{kind}: {error!r}"] += 1
                continue
            times[kind].append(time.perf_counter() - begun)
            if reply.status_code not in (200, 206):
                errors[f"{kind}: {reply.status_code} {reply.text[:200]}"] += 1
            await asyncio.sleep(pause)

    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(
        base_url=ADDRESS, headers={"Authorization": f"Bearer {TOKEN}"}, limits=limits, timeout=60
    ) as http:
        await asyncio.gather(*(client(number, http) for number in range(clients)))
    everything = [each for found in times.values() for each in found]
    worked = (sum(server.cpu_times()[:2]) - worked_before) / len(everything) * 1000
    print(
        f"{len(everything) / seconds:6.0f} answers a second, {sum(errors.values())} errors; "
        f"{worked:.1f} ms of the server's CPU for each"
    )
    for kind, found in [*sorted(times.items()), ("all", everything)]:
        half, most = np.percentile(found, (50, 95)) * 1000
        print(f"  {kind:10} {len(found):6} answers, half within {half:5.0f} ms, 95 % within {most:5.0f} ms")
    for error, count in errors.most_common(10):
        print(f"  {count} x {error}")


async def wait_for_server() -> None:
    """Return once the server answers, and has loaded what a search needs."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=ADDRESS, headers=headers, timeout=60) as http:
        for _ in range(600):
            try:
                if (await http.get("/v1/search?text=a cat")).status_code == 200:
                    return
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
    sys.exit("The server does not answer.")


def other_videos(folder: Path, count: int) -> None:
    """Copies of the sample videos that are other content to a library."""
    folder.mkdir()
    for number in range(count):
        for path in SAMPLES.glob("*.mp4"):
            copy = folder / f"{path.stem}-{number}.mp4"
            shutil.copy(path, copy)
            with copy.open("ab") as file:  # an empty box of MP4's, with a number in it
                file.write((16).to_bytes(4) + b"free" + number.to_bytes(8))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pause", type=float, default=2.0, help="Seconds between a client's requests.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        with Library.create(library) as opened:
            for path in sorted(SAMPLES.glob("*.mp4")):
                opened.index(path, models="mini")
        other_videos(Path(folder) / "others", 50)
        command = [sys.executable, "-m", "vidsearch"]
        environment = {**os.environ, "VIDSEARCH_TOKEN": TOKEN}
        server = subprocess.Popen(
            [*command, "serve", "--library", str(library), "--port", str(PORT)], env=environment
        )
        indexing = None
        try:
            asyncio.run(wait_for_server())
            for title in ("Nothing else at work:", "While another process indexes:"):
                if indexing is None and "indexes" in title:
                    indexing = subprocess.Popen(
                        [*command, "index", str(Path(folder) / "others"), "--library", str(library), "-q"]
                    )
                print(title)
                asyncio.run(
                    ask(arguments.clients, arguments.seconds, arguments.pause, psutil.Process(server.pid))
                )
            if indexing is not None and indexing.poll() is not None:
                print("The other process had ended before: its part is not what it says.")
        finally:
            for process in (indexing, server):
                if process is not None:
                    process.terminate()
                    process.wait(60)


if __name__ == "__main__":
    main()
