"""Labels over a real library: kept, replaced, filtered by, counted."""

from __future__ import annotations

import json

import pytest

from vidsearch.errors import QueryError


def label_tracks(library):
    return [len([t for t in library.tracks(video) if t.kind == "label"]) for video in library.videos()]


def test_labels_are_tracks_that_the_next_run_replaces(own_library):
    done = own_library.labels.apply("coffee, a rocket")
    again = own_library.labels.apply(["a rocket"])

    assert (done.num_labels, again.num_labels, own_library.labels.names()) == (2, 1, ["a rocket"])
    assert label_tracks(own_library) == [1, 1, 1, 1]
    found = own_library.labels.spans("space.mp4")
    assert {span.label for span in found} == {"a rocket"}
    assert own_library.labels.apply().seen == again.seen
    assert own_library.verify() == []


def test_a_label_filters_a_search_and_is_counted(own_library):
    own_library.labels.apply("a rocket")
    (span, *_) = own_library.labels.spans("space.mp4")

    hits = own_library.search("the sky", label="a rocket")
    assert {hit.video.path.name for hit in hits} == {"space.mp4"}
    assert all(hit.start_seconds < span.end_seconds or len(own_library.labels.spans()) > 1 for hit in hits)
    with pytest.raises(QueryError, match=r"This library has no label 'rocket'. Did you mean a rocket\?"):
        own_library.search("the sky", label="rocket")
    (line,) = own_library.labels.report()
    assert (line.label, line.where, line.count) == ("a rocket", "", len(own_library.labels.spans()))
    assert {each.where for each in own_library.labels.report("camera")} == {
        str(own_library.video("space.mp4").path.parent)
    }


def test_concepts_are_labels_and_a_mixture_is_refused(own_library):
    with pytest.raises(QueryError, match="was taught no concepts yet"):
        own_library.labels.apply("concepts")
    own_library.concepts.teach("Minka", ["cat.mp4@2", "cat.mp4@14"])
    assert own_library.labels.apply("concepts").num_labels == 1
    with pytest.raises(QueryError, match="names a concept among other words"):
        own_library.labels.apply(["Minka asleep"])
    assert own_library.labels.names() == ["Minka"]
    with pytest.raises(QueryError, match="hold no label"):
        own_library.labels.apply([])
    assert json.dumps(own_library.search("Minka", label="Minka").to_dict())
