"""Teaching a real library, in Python and by the command."""

from __future__ import annotations

import json
import shutil

import pytest

from vidsearch import Library
from vidsearch.errors import ConceptNotFound, MediaError, QueryError, VideoNotFound


def test_a_taught_name_finds_what_it_is_called(own_library, sample_videos, tmp_path):
    picture = tmp_path / "rocket.jpg"
    taught = own_library.concepts.teach("Minka", ["cat.mp4@2", "cat.mp4@14"], against="cafe.mp4@3")

    assert (taught.is_new, taught.num_changed, taught.notes) == (True, 3, ())
    (check,) = own_library.concepts.check("minka")
    assert (check.model, len(check.left_out)) == ("mini", 2)
    hit = own_library.search("Minka")[0]
    assert hit.video.path.name == "cat.mp4"
    assert own_library.search("Minka", num_hits=1)[0].confidence > 0.3
    more = own_library.concepts.teach("MINKA", [f"#{hit.frame_id}", "cat.mp4@2"])
    assert more.concept.name == "Minka"
    assert "cat.mp4@2 is an example already." in more.notes

    frame = own_library.store.thumbnail(own_library.store.frames(own_library.video("space.mp4").id)[2].id)
    picture.write_bytes(frame)
    own_library.concepts.teach("ship", picture, words="a rocket")
    assert own_library.search("ship")[0].video.path.name == "space.mp4"


def test_bad_examples_are_one_clear_line_and_change_nothing(own_library, tmp_path):
    concepts = own_library.concepts
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    for examples, error, why in (
        (["#99999"], QueryError, "no frame #99999 in this library"),
        (["gone.mp4@5"], VideoNotFound, "no video 'gone.mp4'"),
        (["cat.mp4@500"], QueryError, "cat.mp4 is known up to"),
        (["nothing.jpg"], QueryError, "is neither a picture file nor a frame"),
        ([text], MediaError, "notes.txt"),
        ([], QueryError, "give examples"),
    ):
        with pytest.raises(error, match=why):
            concepts.teach("Minka", examples)
    with pytest.raises(QueryError, match=r"cat.mp4@6 is given both for the concept and against it"):
        concepts.teach("Minka", "cat.mp4@6", against="cat.mp4@6")
    assert concepts.all() == []
    with pytest.raises(ConceptNotFound):
        concepts.forget("Minka")


def test_sides_that_look_the_same_are_pointed_out(own_library):
    taught = own_library.concepts.teach("Minka", "cat.mp4@6", against="cat.mp4@7")
    assert taught.notes == (
        "cat.mp4@6 (for) and cat.mp4@7 (against) look the same to mini: together they teach it little.",
    )


def test_an_exported_concept_works_in_a_library_that_never_saw_its_video(
    own_library, sample_folder, tmp_path
):
    own_library.concepts.teach("Minka", ["cat.mp4@2", "cat.mp4@14"], words="a cat")
    assert own_library.concepts.export(tmp_path / "ours.json") == 1
    shutil.copytree(sample_folder, tmp_path / "other")

    with Library.open(tmp_path / "other") as other:
        other.remove("cat.mp4")
        (loaded,) = other.concepts.load(tmp_path / "ours.json")
        assert (loaded.is_new, loaded.concept.num_for, loaded.concept.words) == (True, 2, "a cat")
        with pytest.raises(QueryError, match="The name 'Minka' is in use"):
            other.concepts.load(tmp_path / "ours.json")
        assert other.concepts.load(tmp_path / "ours.json", adds=True)[0].num_changed == 0
        assert other.search("Minka").notes == ()
        assert len(other.store.spaces()) == 1

    damaged = json.loads((tmp_path / "ours.json").read_text())
    damaged["concepts"][0]["examples"][0]["picture"] = "bm8gcGljdHVyZQ=="
    (tmp_path / "damaged.json").write_text(json.dumps(damaged))
    for name, why in (("damaged.json", "is damaged"), ("gone.json", "Cannot read")):
        with pytest.raises(QueryError, match=why):
            own_library.concepts.load(tmp_path / name)


def test_a_concept_outlives_its_video_and_its_frames(own_library, sample_videos):
    own_library.concepts.teach("Minka", ["cat.mp4@2", "cat.mp4@14"])
    own_library.index(sample_videos / "cat.mp4", fps=2, reindex=True)
    assert own_library.search("Minka")[0].video.path.name == "cat.mp4"
    own_library.remove("cat.mp4")
    assert own_library.search("Minka").notes == ()
