"""Lines of words are read at the end of a run, and a run may be stopped there too."""

from vidsearch import Library
from vidsearch.ingest import lines
from vidsearch.samples import sample_folder
from vidsearch.tracks import SegmentRecord, TrackSpec


def test_a_run_stopped_while_lines_are_read_ends_as_any_other(tmp_path, monkeypatch):
    """Ctrl-C is no error, and what was indexed before it stays."""
    video = sample_folder() / "cat.mp4"
    with Library.create(tmp_path / "library") as library:
        library.index(video, models="mini", captions=False, fps=0.25)
        spec = TrackSpec("subtitle", "file", {"name": "en"})
        library.store.put_track(1, spec, [SegmentRecord(1.0, 2.0, "any questions")])

        def stopped(name: str) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(lines, "load_text_encoder", stopped)
        assert library.index(video, models="mini", captions=False).interrupted
        monkeypatch.undo()
        assert not library.index(video, models="mini", captions=False).interrupted
        (hit,) = library.search("somebody asks something", kinds=["subtitles"]).hits
        assert hit.evidence[0].text == "any questions"
