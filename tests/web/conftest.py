"""A library of colours behind the page, without a browser."""

import pytest

from tests.captions.libraries import EMBEDDER, add_video, create
from vidsearch.models import registry
from vidsearch.web import show

HOSTILE_CAPTION = "<script>alert(1)</script> a green ![x](http://evil.example/x) picture"


@pytest.fixture
def library_path(tmp_path, monkeypatch):
    """Two videos; the models of their pictures are fakes."""
    path = tmp_path / "library"
    with create(path) as library:
        add_video(library, tmp_path / "first.mp4", ["red"] * 6 + ["blue"] * 5)
        add_video(library, tmp_path / "<b>second*.mp4", ["green"] * 4, captions=[HOSTILE_CAPTION] * 4)
    load = registry.load_text_encoder
    monkeypatch.setattr(
        registry,
        "load_text_encoder",
        lambda name, space=None: EMBEDDER if name == "colour" else load(name, space=space),
    )
    monkeypatch.setenv("VIDSEARCH_LIBRARY", str(path))
    show._library.cache_clear()
    return path


@pytest.fixture
def empty_library_path(tmp_path, monkeypatch):
    """A library that is not there yet."""
    path = tmp_path / "new library"
    monkeypatch.setenv("VIDSEARCH_LIBRARY", str(path))
    show._library.cache_clear()
    return path
