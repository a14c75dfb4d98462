"""Made-up videos for tests of the library: real files, real rows, no decoding and no models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.errors import MediaError
from vidsearch.media.images import encode_jpeg
from vidsearch.store.alerts import FoundMoment
from vidsearch.store.concept_rows import NewExample
from vidsearch.store.fingerprint import fingerprint
from vidsearch.store.records import Lease, OpenedVideo
from vidsearch.store.store import Store
from vidsearch.tracks import FILE, Chunk, SegmentRecord, TrackSpec
from vidsearch.types import Caption, EmbeddingSpace, LibraryModels, SamplingPlan, Shot, Video, VideoInfo

SPACE = EmbeddingSpace(model="made-up", weights_digest="1", preprocessing="none", dim=4)
OTHER_SPACE = EmbeddingSpace(model="another", weights_digest="1", preprocessing="none", dim=3)
PLAN = SamplingPlan()


def info(*, duration_seconds: float | None = 4.0, created_at: datetime | None = None) -> VideoInfo:
    """What a probe might say."""
    return VideoInfo(
        size_bytes=1000,
        container="mp4",
        codec="h264",
        width=640,
        height=360,
        rotation_degrees=0,
        frame_rate=25.0,
        duration_seconds=duration_seconds,
        num_audio_tracks=1,
        created_at=created_at,
    )


def unit(values: Sequence[float]) -> np.ndarray:
    """A unit vector of this direction."""
    row = np.asarray(values, dtype=np.float32)
    return np.asarray(row / np.linalg.norm(row))


def axis(number: int, dim: int = SPACE.dim) -> np.ndarray:
    """The unit vector along one axis."""
    return np.asarray(np.eye(dim, dtype=np.float32)[number % dim])


def caption(text: str, *, model: str = "captioner") -> Caption:
    return Caption(text=text, raw_text=f"{text} raw", model=model, mean_logprob=-0.5)


@cache
def jpeg(time_seconds: float) -> bytes:
    """A small picture, of another grey for another time."""
    return encode_jpeg(np.full((8, 8, 3), int(time_seconds * 20) % 256, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as tests write it: what it looks like and what is said of it, in one."""

    time_seconds: float
    vectors: Mapping[EmbeddingSpace, np.ndarray]
    text: str | None = None
    is_blank: bool = False
    thumbnail_jpeg: bytes | None = None


def record(time_seconds: float, vector: np.ndarray | None = None, text: str | None = None) -> Frame:
    """A frame at a time; blank where it has no vector."""
    return Frame(time_seconds, {} if vector is None else {SPACE: vector}, text, is_blank=vector is None)


def write_file(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def specs(plan: SamplingPlan = PLAN, *, captioner: str = "captioner", shots: bool = False) -> list[TrackSpec]:
    """The tracks that indexing makes: frames under a plan, captions, and shots where asked for."""
    made = [TrackSpec("frames", "sampling", asdict(plan)), TrackSpec("caption", captioner)]
    return [*made, TrackSpec("shot", "cuts", asdict(plan))] if shots else made


def begin(
    library: Store,
    path: Path,
    *,
    plan: SamplingPlan = PLAN,
    spaces: Sequence[EmbeddingSpace] = (SPACE,),
    captioner: str = "captioner",
    **of_info: Any,
) -> OpenedVideo:
    """Begin to index a file, whatever is in it."""
    wanted = specs(plan, captioner=captioner)
    return library.begin_video(path, fingerprint(path), info(**of_info), wanted, spaces)


def append(
    library: Store,
    opened: OpenedVideo,
    frames: Sequence[Frame],
    *,
    until_seconds: float,
    spaces: Sequence[EmbeddingSpace] = (SPACE,),
    shots: Sequence[Shot] = (),
    lease: Lease | None = None,
) -> None:
    """Add a part of a video: its frames, and its captions, one segment for each run of equal ones."""
    ends = [*(frame.time_seconds for frame in frames[1:]), until_seconds][: len(frames)]
    pictures, captions = [], list[SegmentRecord]()
    for frame, end in zip(frames, ends, strict=True):
        pictures.append(
            SegmentRecord(
                frame.time_seconds,
                end,
                attributes={"is_blank": True} if frame.is_blank else {},
                vectors=frame.vectors,
                thumbnail_jpeg=frame.thumbnail_jpeg or jpeg(frame.time_seconds),
            )
        )
        if frame.text is None:
            continue
        if captions and captions[-1].text == frame.text and captions[-1].end_seconds == frame.time_seconds:
            captions[-1] = replace(captions[-1], end_seconds=end)
        else:
            attributes = {"raw_text": f"{frame.text} raw", "mean_logprob": -0.5}
            captions.append(SegmentRecord(frame.time_seconds, end, frame.text, attributes))
    frames_track, caption_track, *others = opened.tracks
    tracks = {frames_track.id: tuple(pictures), caption_track.id: tuple(captions)}
    if others:
        tracks[others[0].id] = tuple(SegmentRecord(shot.start_seconds, shot.end_seconds) for shot in shots)
    library.append(opened.video.id, Chunk(until_seconds, tracks, tuple(spaces)), lease=lease)


def finish(
    library: Store,
    opened: OpenedVideo,
    *,
    spaces: Sequence[EmbeddingSpace] = (SPACE,),
    duration_seconds: float | None = None,
    lease: Lease | None = None,
) -> Video:
    """Note that all of a video is in."""
    track_ids = [track.id for track in opened.tracks]
    return library.finish_video(
        opened.video.id,
        track_ids,
        frames_track_id=track_ids[0],
        spaces=spaces,
        duration_seconds=duration_seconds,
        lease=lease,
    )


def put(library: Store, path: Path, frames: Sequence[Frame], **how: Any) -> Video:
    """Index a file as if it had these frames."""
    opened = begin(library, path, **how)
    until = frames[-1].time_seconds + 1 if frames else 0.0
    append(library, opened, frames, until_seconds=until)
    return finish(library, opened)


def four_frames(library: Store, path: Path, *, word: str = "dog") -> Video:
    """A file indexed with four frames, one along each axis, captioned "a dog 0" to "a dog 3"."""
    write_file(path, f"content of {path.name!a} {word}")
    return put(library, path, [record(float(i), axis(i), f"a {word} {i}") for i in range(4)])


def fill_every_table(library: Store, folder: Path) -> None:
    """Two videos with all that a library keeps, and what was in it before: no table is empty."""
    library.set_models(LibraryModels(("made-up",), "captioner"))
    library.set_exclude(["*.tmp"])
    first = four_frames(library, folder / "caf\udce9.mp4")
    second = four_frames(library, folder / "b.mp4", word="cat")
    library.add_human_caption(first.id, 0.0, 1.0, "Bello")
    lines = [SegmentRecord(0.0, 2.0, "Hello dogs"), SegmentRecord(2.0, 3.0, "")]
    library.put_track(first.id, TrackSpec("subtitle", FILE, {"name": "english"}), lines)
    on_screen = [SegmentRecord(0.0, 2.0, "Quartcrly revemue"), SegmentRecord(1.0, 3.0, "Room 1204")]
    library.put_track(second.id, TrackSpec("ocr", "pp-ocrv6-small"), on_screen)
    half = begin(library, folder / "b.mp4", spaces=[SPACE, OTHER_SPACE])
    frames = [Frame(0.0, {OTHER_SPACE: axis(0, 3)})]
    append(library, half, frames, until_seconds=1.0, spaces=[OTHER_SPACE])
    library.labels.put(
        ["dog", "cat"],
        {first.id: [SegmentRecord(0.0, 2.0, "dog", {"confidence": 0.75})]},
        [first.id, second.id],
        models=["made-up"],
    )
    examples = [
        NewExample("a.mp4", first.content_hash, 1.0, jpeg(1.0), vectors={SPACE: axis(1)}),
        NewExample("b.mp4", second.content_hash, 2.0, jpeg(2.0), is_against=True, vectors={SPACE: axis(2)}),
    ]
    concept, _ = library.concepts.teach("Bello", "bello", examples, words="a brown dog")
    library.concepts.teach("Bello", "bello", [NewExample("c.jpg", "c", None, jpeg(3.0))])
    library.concepts.leave_out(concept, [library.concepts.examples(concept)[1].id])
    library.alerts.begin(["a dog"])
    moments = [FoundMoment(first.content_hash, 0.0, 2.0, {"rule": "a dog"})]
    library.alerts.record("a dog", moments, seen_frame_id=4, targets=["here", "there"], join_seconds=1.0)
    library.record_failure(folder / "none.mp4", MediaError("is not there"))
    library.remove(four_frames(library, folder / "c.mp4", word="bird").id)
    again = begin(library, folder / "b.mp4", plan=SamplingPlan(fps=0.5))
    append(library, again, [record(0.0, axis(3), "a tiger")], until_seconds=2.0)
    finish(library, again)
    with library._catalog.write() as connection:
        connection.execute("INSERT INTO path_versions (path_id, version) VALUES (1, '1')")
    assert library.take_lease("in work") is not None


NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
