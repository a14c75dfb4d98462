"""How much of a video elsewhere is fetched, and how fast, against FFmpeg's own HTTP on the same file.

Serves a film of this machine with a wait before each answer, and says for pictures spread over it, and for
a picture per second: bytes, requests, seconds. FFmpeg opens the address itself here, which vidsearch never
does.

    python benchmarks/remote_reading.py film.mp4 --pictures 20 --wait-ms 20
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av

from vidsearch.media import remote
from vidsearch.media.decode import frame_at, frames
from vidsearch.media.probe import probe
from vidsearch.media.ranges import BlockCache
from vidsearch.paths import as_path
from vidsearch.types import SamplingPlan


class Counted:
    """A server of one file that counts what it sends."""

    def __init__(self, path: Path, *, wait_seconds: float) -> None:
        self.num_requests = self.num_bytes = 0
        counted = self
        size = path.stat().st_size

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *values: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.answer(sends_body=False)

            def do_GET(self) -> None:
                self.answer(sends_body=True)

            def answer(self, *, sends_body: bool) -> None:
                time.sleep(wait_seconds)
                counted.num_requests += 1
                asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                start = int(asked[1]) if asked else 0
                end = min(int(asked[2]) + 1, size) if asked and asked[2] else size
                self.send_response(206 if asked else 200)
                self.send_header("ETag", '"1"')
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(end - start))
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
                self.end_headers()
                if not sends_body:
                    return
                with path.open("rb") as file:
                    file.seek(start)
                    try:
                        while start < end:
                            part = file.read(min(64 * 1024, end - start))
                            self.wfile.write(part)
                            start += len(part)
                            counted.num_bytes += len(part)
                    except (BrokenPipeError, ConnectionResetError):
                        self.close_connection = True

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_port}/{path.name}"

    def measure(self, name: str, work: Callable[[], object]) -> None:
        """Do something once and print what it took."""
        self.num_requests = self.num_bytes = 0
        remote._BLOCKS = BlockCache()
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        print(f"{name:44} {self.num_bytes / 1e6:8.1f} MB {self.num_requests:5} requests {seconds:7.2f} s")


def by_ffmpeg(address: str, times: list[float]) -> None:
    """Decode the picture at each time, each in a container of its own, as thumbnails are asked for."""
    for seconds in times:
        with av.open(address) as container:
            container.seek(int(seconds * av.time_base))
            next(container.decode(video=0))


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--wait-ms", type=float, default=20.0)
    options = parser.parse_args()
    server = Counted(options.video, wait_seconds=options.wait_ms / 1e3)
    address = as_path(server.address)
    length = probe(options.video).duration_seconds or 0.0
    times = [length * (number + 0.5) / options.pictures for number in range(options.pictures)]
    print(f"{options.video.name}: {options.video.stat().st_size / 1e6:.1f} MB, {length:.0f} s")
    server.measure("probe", lambda: probe(address))
    server.measure(f"{len(times)} pictures", lambda: [frame_at(address, each) for each in times])
    server.measure(f"{len(times)} pictures, FFmpeg's own HTTP", lambda: by_ffmpeg(server.address, times))
    server.measure("a picture per second", lambda: list(frames(address, SamplingPlan())))
    server.measure(
        "a picture per second, of this machine", lambda: list(frames(options.video, SamplingPlan()))
    )


if __name__ == "__main__":
    main()
