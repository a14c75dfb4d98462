"""`verify` looks at every table, in a folder and on a server, and mends what no row can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.examples import fill_every_table
from vidsearch.store.store import Store
from vidsearch.store.tables import tables

DAMAGE = {
    "UPDATE tracks SET kind = 'smell' WHERE kind = 'ocr'": "kind cannot be 'smell'",
    "UPDATE tracks SET kind = 'caption' WHERE kind = 'label'": "kind cannot be 'caption'",
    "UPDATE tracks SET done_until_seconds = -9e99": "done_until_seconds cannot be",
    "UPDATE track_spaces SET done_until_seconds = 9e99": "done_until_seconds cannot be",
    "UPDATE videos SET width = -640": "width cannot be '-640'",
    "UPDATE videos SET rotation_degrees = 1234": "rotation_degrees cannot be",
    "UPDATE videos SET frame_rate = -25": "frame_rate cannot be",
    "UPDATE videos SET recorded_unix_seconds = 1e300": "recorded_unix_seconds cannot be",
    "UPDATE segments SET end_seconds = start_seconds - 1 WHERE start_seconds > 1": "end_seconds cannot be",
    "UPDATE segment_ids SET next_id = first_id": "next_id cannot be",
    "UPDATE segments SET text = NULL WHERE text = 'dog'": "text cannot be 'None'",
    "UPDATE leases SET holder = 'nobody'": "leases 1: holder cannot be 'nobody'",
    "UPDATE leases SET expires_unix_seconds = 1e300": "expires_unix_seconds cannot be",
    "UPDATE concepts SET changed_at = 'soon'": "concepts 1: changed_at cannot be 'soon'",
    "UPDATE concept_examples SET time_seconds = -1e300": "time_seconds cannot be",
    "UPDATE concept_vectors SET vector = {short}": "The vector of made-up of example 1 is unsound",
    "UPDATE concept_vectors SET vector = {nan}": "The vector of made-up of example 1 is unsound",
    "UPDATE alert_rules SET seen_frame_id = -1": "alert_rules a dog: seen_frame_id cannot be '-1'",
    "UPDATE alerts SET event = '['": "event cannot be '['",
    "UPDATE alert_deliveries SET attempts = -1 WHERE target = 'there'": "attempts cannot be '-1'",
    "UPDATE alert_deliveries SET due_unix_seconds = -9e99": "due_unix_seconds cannot be",
}
BLOBS = {"short": "00", "nan": "0000c07f" * 4}


@pytest.fixture
def library(library: Store, tmp_path: Path) -> Store:
    fill_every_table(library, tmp_path)
    return library


def test_something_is_in_every_table(library: Store):
    with library._catalog.read() as connection:
        empty = [
            table.name
            for table in tables()
            if not connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
        ]
    assert empty == []
    assert library.verify() == []


@pytest.mark.parametrize("statement", DAMAGE)
def test_what_no_row_can_be_is_found_and_mended(library: Store, place: str, statement: str):
    is_on_server = place.startswith("postgresql")
    blobs = {name: f"'\\x{digits}'" if is_on_server else f"x'{digits}'" for name, digits in BLOBS.items()}
    with library._catalog.write() as connection:
        connection.execute(statement.format(**blobs))
    assert library.verify() != []
    problems = library.verify(repair=True)
    assert DAMAGE[statement] in " ".join(problem.what for problem in problems)
    assert all(problem.repaired for problem in problems)
    assert library.verify() == []


def test_a_picture_of_an_example_that_does_not_decode_is_told(library: Store):
    with library._catalog.write() as connection:
        connection.execute("UPDATE concept_examples SET picture = ? WHERE id = 1", (b"no JPEG",))
    (problem,) = library.verify(repair=True)
    assert problem.what == "The picture of example 1 of 'Bello' does not decode. Teach another one."
    assert problem.repaired is None
