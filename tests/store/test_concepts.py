"""Concepts in the catalog: versions, sides, and writers that run into each other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace

import pytest

from tests.store.examples import jpeg
from vidsearch.errors import QueryError
from vidsearch.store.concept_rows import NewExample
from vidsearch.store.store import Store


def example(number, *, is_against=False):
    return NewExample("cat.mp4", "hash", float(number), jpeg(0.0), is_against)


def sides(library, concept):
    return [
        (each.time_seconds, each.is_against, each.since_version, each.until_version)
        for each in library.concepts.examples(concept)
    ]


def test_a_version_is_the_examples_of_its_time(library):
    concepts = library.concepts
    concepts.teach("Minka", "minka", [example(1), example(2)])
    concepts.teach("Minka", "minka", [example(2), example(3)])
    concept, num_changed = concepts.teach("Minka", "minka", [example(1, is_against=True)])

    assert (concept.version, concept.num_for, concept.num_against, num_changed) == (3, 2, 1, 1)
    assert sides(library, concept) == [
        (1.0, False, 1, 3),
        (2.0, False, 1, None),
        (3.0, False, 2, None),
        (1.0, True, 3, None),
    ]
    assert concepts.teach("Minka", "minka", [example(3)])[0].version == 3  # nothing new


def test_what_leaves_no_example_changes_nothing(library):
    with pytest.raises(QueryError, match="at least one example for it"):
        library.concepts.teach("Minka", "minka", [example(1, is_against=True)])
    assert library.concepts.all() == []

    concept, _ = library.concepts.teach("Minka", "minka", [example(1)])
    (only,) = library.concepts.examples(concept)
    with pytest.raises(QueryError, match="at least one example for it"):
        library.concepts.leave_out(concept, [only.id])
    assert library.concepts.all() == [concept]
    with pytest.raises(QueryError, match="The name 'Minka' is in use: it has 1 examples"):
        library.concepts.teach("minka", "minka", [example(2)], is_new=True)


def _teach(place, first, count):
    with Store.open(place) as library:
        for number in range(first, first + count):
            library.concepts.teach("Minka", "minka", [example(number)])


def test_two_processes_teach_the_same_name(library, place):
    """Guards against a version that two writers count up from the same number."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_teach, args=(place, first, 20)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    (concept,) = library.concepts.all()
    assert (concept.version, concept.num_for) == (40, 40)
    assert sorted(each.since_version for each in library.concepts.examples(concept)) == list(range(1, 41))


def test_a_killed_teacher_leaves_whole_versions(library, place):
    writer = multiprocessing.get_context("spawn").Process(target=_teach, args=(place, 0, 100_000))
    writer.start()
    while not library.concepts.all():
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()

    (concept,) = library.concepts.all()
    assert concept.version == concept.num_for == len(library.concepts.examples(concept))
    assert replace(concept) == library.concepts.find("minka")
    assert library.verify() == []
