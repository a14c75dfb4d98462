"""Which picture is shown to the model that ranks results again."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.fakes import ColourEmbedder
from tests.synthetic import BLUE, RED, solid, write_video
from vidsearch.ingest import ingest
from vidsearch.search.rerank import _image
from vidsearch.store.store import Store
from vidsearch.types import SearchHit


def test_a_file_that_was_replaced_is_not_looked_at(tmp_path: Path) -> None:
    """With another film under the same name, its pictures were judged instead of those that were found."""
    path = write_video(tmp_path / "film.mp4", [solid(RED)] * 50)
    other = write_video(tmp_path / "other.mp4", [solid(BLUE)] * 50)
    with Store.open(tmp_path / "library", create=True) as library:
        ingest(library, [path], embedders=[ColourEmbedder()])
        (video,) = library.videos()
        frame = library.frames(video.id)[0]
        hit = SearchHit(
            video=video,
            frame_id=frame.id,
            time_seconds=0.0,
            start_seconds=0.0,
            end_seconds=1.0,
            score=1.0,
            caption=None,
        )
        image, note = _image(library, hit)
        assert (image[:, :, 0].mean() > 200, note) == (True, None)
        shutil.copyfile(other, path)
        image, note = _image(library, hit)
        assert image[:, :, 0].mean() > 200, "the thumbnail of the film that was indexed"
        assert note is not None
        assert note.startswith("Re-ranked by a thumbnail: ")
        assert "was replaced" in note
