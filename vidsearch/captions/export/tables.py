"""parquet and npy: captions and vectors as tables and arrays. Parquet needs the `export` extra."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from vidsearch.captions.export.document import CaptionedVideo, path_text
from vidsearch.captions.export.records import frame_record
from vidsearch.errors import ExportError

if TYPE_CHECKING:
    from vidsearch.types import EmbeddingSpace, Float32


def write_parquet(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write one row per frame: the columns of csv, and, if there are vectors, a list column for each space.

    Vector columns are named `vector_` and the space's key, and null for frames without a vector. The file's
    metadata, under "vidsearch.spaces", has the model, weights, preprocessing and dimension of each key. Each
    video is one row group, so that memory is bounded. Raises ExportError without pyarrow.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ExportError("The parquet format needs pyarrow: pip install 'vidsearch[export]'.") from error
    writer = None
    for video in videos:
        if writer is None:
            spaces = tuple(video.vectors)
            schema = _schema(spaces)
            writer = parquet.ParquetWriter(out, schema, compression="zstd")
        records = [{"video": path_text(video.video.path), **frame_record(frame)} for frame in video.frames]
        for space in spaces:
            rows = _rows(video, space)
            for record, row in zip(records, rows, strict=True):
                record[f"vector_{space.key}"] = row
        writer.write_table(pa.Table.from_pylist(records, schema=schema))
    if writer is not None:
        writer.close()


def _schema(spaces: tuple[EmbeddingSpace, ...]) -> Any:
    import pyarrow as pa

    described = {
        space.key: {
            "model": space.model,
            "weights_digest": space.weights_digest,
            "preprocessing": space.preprocessing,
            "dim": space.dim,
        }
        for space in spaces
    }
    return pa.schema(
        [
            ("video", pa.string()),
            ("frame", pa.int64()),
            ("time_seconds", pa.float64()),
            ("end_seconds", pa.float64()),
            ("is_blank", pa.bool_()),
            ("caption", pa.string()),
            ("raw_caption", pa.string()),
            ("origin", pa.string()),
            ("model", pa.string()),
            ("prompt", pa.string()),
            ("mean_logprob", pa.float64()),
            ("carried_over", pa.bool_()),
            *((f"vector_{space.key}", pa.list_(pa.float32(), space.dim)) for space in spaces),
        ],
        metadata={"vidsearch.spaces": json.dumps(described)},
    )


def _rows(video: CaptionedVideo, space: EmbeddingSpace) -> list[Float32 | None]:
    """Return each frame's vector in a space, or None."""
    ids, vectors = video.vectors.get(space, ((), ()))
    row_of = {int(frame_id): row for frame_id, row in zip(ids, vectors, strict=True)}
    return [row_of.get(frame.id) for frame in video.frames]


def write_npy(videos: Iterable[CaptionedVideo], out: BinaryIO) -> None:
    """Write the vectors as one NumPy array, float32 (n, dim): row i belongs to line i of the jsonl export.

    Frames without a vector have a row of zeros. Raises ExportError if there are no vectors, or vectors of
    several spaces.
    """
    space: EmbeddingSpace | None = None
    rows: list[Float32 | None] = []
    for video in videos:
        spaces = list(video.vectors)
        if len(spaces) > 1 or (space is not None and spaces != [space]):
            raise ExportError(
                "A npy file holds the vectors of one model, and there are several. Use parquet."
            )
        if not spaces:
            raise ExportError("There are no vectors to export, and npy contains nothing else.")
        space = spaces[0]
        rows += _rows(video, space)
    if space is None:
        raise ExportError("There is no video to export.")
    array = np.zeros((len(rows), space.dim), dtype=np.float32)
    for position, row in enumerate(rows):
        if row is not None:
            array[position] = row
    np.lib.format.write_array(out, array, allow_pickle=False)
