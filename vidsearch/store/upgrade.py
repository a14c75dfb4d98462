"""Changing a library's models: new vectors and captions are built beside the current ones, then replace them.

Each function is one transaction on a catalog.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidsearch.store import ledger, setting_rows, track_rows, vector_rows
from vidsearch.store.catalog import Catalog

if TYPE_CHECKING:
    from vidsearch.types import EmbeddingSpace, LibraryModels


def prepare(catalog: Catalog, spaces: Sequence[EmbeddingSpace]) -> None:
    """See `Store.prepare_upgrade`."""
    with catalog.write() as connection:
        for space in spaces:
            if vector_rows.space_row(connection, space) is None:
                vector_rows.set_state(connection, vector_rows.ensure_space(connection, space), "building")


def switch(catalog: Catalog, models: LibraryModels, spaces: Sequence[EmbeddingSpace]) -> None:
    """See `Store.switch_models`."""
    with catalog.write() as connection:
        wanted = {vector_rows.ensure_space(connection, space) for space in spaces}
        kinds = {space.kind for space in spaces}
        for row in vector_rows.spaces(connection):
            if row.space.kind not in kinds:
                continue  # no model's track replaces it
            state = "active" if row.id in wanted else "superseded"
            if row.state != state:
                vector_rows.set_state(connection, row.id, state)  # type: ignore[arg-type]
                vector_rows.note_change(connection, [row.id], rewrites=True)
        built = connection.execute(
            """
            SELECT id FROM tracks
            WHERE kind = 'caption' AND state = 'building' AND is_complete AND producer = ?
            """,
            (models.captioner,),
        ).fetchall()
        windows = connection.execute(
            """
            SELECT t.id, k.space_id FROM tracks t JOIN track_spaces k ON k.track_id = t.id
            WHERE t.kind <> 'frames' AND t.state = 'building' AND t.is_complete
            """
        ).fetchall()
        built += [(track_id,) for track_id, space_id in windows if space_id in wanted]
        for (track_id,) in built:
            ledger.show(connection, track_id)
        setting_rows.put_models(connection, models)


def prune(catalog: Catalog) -> int:
    """See `Store.prune_superseded`."""
    with catalog.write() as connection:
        num_rows = 0
        for row in vector_rows.spaces(connection, "superseded"):
            windows = vector_rows.window_tracks_of(connection, row.id)
            num_rows += vector_rows.delete_space(connection, row.id)
            for track_id in windows:
                track_rows.delete_track(connection, track_id)
        for (track_id,) in connection.execute("SELECT id FROM tracks WHERE state = 'superseded'").fetchall():
            track = track_rows.track(connection, track_id)
            if track is not None and not track.spec.is_made_by_people:
                num_rows += track.num_segments
                track_rows.delete_track(connection, track_id)
        return num_rows
