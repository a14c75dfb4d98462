"""Concepts in searches of libraries whose frames are colours: every answer can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import ColourEmbedder, solid
from tests.search.libraries import COLOUR, add_video, unit
from vidsearch.concepts.names import folded
from vidsearch.errors import ConceptNotFound
from vidsearch.media.images import encode_jpeg
from vidsearch.search.engine import Searcher
from vidsearch.search.query import Query
from vidsearch.store.concept_rows import NewExample
from vidsearch.store.store import Store
from vidsearch.types import EmbeddingSpace


@pytest.fixture
def library(tmp_path):
    with Store.open(tmp_path / "library", create=True) as library:
        add_video(library, "/videos/lights.mp4", ["green"] * 4 + ["blue"] + ["red"] * 3 + ["blue"] * 2)
        add_video(library, "/videos/night.mp4", ["blue"] * 5 + ["magenta"] + ["blue"] * 4)
        yield library


def example(colour, *, video="lights.mp4", time_seconds=5.0, is_against=False, space=COLOUR.space):
    return NewExample(
        source=video,
        content_hash=video,
        time_seconds=time_seconds,
        picture=encode_jpeg(solid(colour)),
        is_against=is_against,
        vectors={space: unit(colour)} if space else {},
    )


def teach(library, name, *examples, words=None):
    return library.concepts.teach(name, folded(name), examples, words=words)[0]


def searcher(library):
    return Searcher(library, encoders={COLOUR.space: COLOUR}, embedders={COLOUR.space: COLOUR})


def best(library, **query):
    hit = searcher(library).search(Query(**query)).hits[0]
    return hit.video.path.name, hit.time_seconds


def test_a_name_means_its_examples_alone_and_beside_words(library):
    teach(library, "Minka", example("red"))

    assert best(library, text="Minka") == ("lights.mp4", 5.0)
    assert best(library, text="minka blue", num_hits=1) == ("night.mp4", 5.0)  # red and blue: magenta
    assert best(library, text="blue") != ("lights.mp4", 5.0)


def test_a_name_works_in_steps(library):
    teach(library, "Go", example("green"))
    teach(library, "Stop", example("red"))

    answer = searcher(library).search(Query(text="Go", then=("concept:Stop",)))

    assert [step.time_seconds for step in answer.hits[0].steps] == [0.0, 5.0]
    assert answer.hits[0].confidence is not None


def test_a_concept_alone_is_sure_and_a_mixture_says_nothing(library):
    teach(library, "Minka", example("red"), example("magenta", time_seconds=6.0))

    assert searcher(library).search(Query(text="Minka")).hits[0].confidence > 0.2
    assert searcher(library).search(Query(text="Minka green")).hits[0].confidence is None


def test_new_examples_are_seen_by_a_searcher_that_is_open(library):
    opened = searcher(library)
    teach(library, "thing", example("red"))
    assert opened.search(Query(text="thing")).hits[0].time_seconds == 5.0

    concept = teach(library, "thing", example("green", time_seconds=0.0))
    library.concepts.leave_out(concept, [1])

    assert opened.search(Query(text="thing")).hits[0].time_seconds == 0.0
    library.concepts.forget(concept)
    with pytest.raises(ConceptNotFound, match="was taught none"):
        opened.search(Query(text="concept:thing"))


def test_another_space_makes_it_again_from_the_pictures_and_says_so(library):
    """Guards against concepts that are lost, or wrong, once a library goes on with another model."""
    before = EmbeddingSpace("before", "1", "none", 5)
    concept = teach(library, "Minka", example("red", space=None))
    with library._catalog.write() as connection:
        from vidsearch.store import concept_rows

        concept_rows.put_vector(connection, 1, before, np.eye(5, dtype=np.float32)[0])
        connection.execute("UPDATE spaces SET state = 'superseded' WHERE key = ?", (before.key,))

    answer = searcher(library).search(Query(text="Minka"))

    assert answer.hits[0].time_seconds == 5.0
    assert answer.notes == ("Minka was taught with another model: made again for colour from its examples.",)
    assert searcher(library).search(Query(text="Minka")).notes == ()
    np.testing.assert_allclose(library.concepts.vectors(concept, COLOUR.space)[1], unit("red"), atol=0.02)
    library.prune_superseded()
    assert library.concepts.spaces(concept) == [COLOUR.space]
    assert library.verify() == [] or {problem.kind for problem in library.verify()} <= {
        "file-missing",
        "thumbnail",
    }


def test_words_borne_out_stand_for_the_name(library):
    teach(library, "Minka", example("red"), words="red")
    opened = searcher(library)
    encoder = ColourEmbedder()
    opened = Searcher(library, encoders={COLOUR.space: encoder})

    opened.search(Query(text="Minka at dusk"))

    assert encoder.num_texts == 2  # "red", then "red at dusk"
