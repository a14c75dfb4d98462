"""Embeds lines of text with `mini`'s text model, those without a vector yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vidsearch.models.known import MINI
from vidsearch.models.mini.weights import space as mini_space
from vidsearch.models.registry import load_text_encoder

if TYPE_CHECKING:
    from vidsearch.models.protocols import TextEncoder
    from vidsearch.store.store import Store
    from vidsearch.tracks import TrackKind

LINE_KINDS: tuple[TrackKind, ...] = ("transcript", "ocr", "subtitle", "chapter", "caption")
"""Kinds of tracks whose lines get text vectors."""
_BY_PEOPLE_ALONE: tuple[TrackKind, ...] = ("caption",)
"""Of these, those by models are excluded: such captions add nothing to the pictures' own vectors."""
_LINES_AT_ONCE = 256


def read_lines(
    library: Store,
    *,
    encoder: TextEncoder | None = None,
    by_models: bool = True,
    on_read: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Embed all lines that lack a vector, and return their number.

    Commits as it goes; after `stop` or an error, the next run continues.

    Args:
        library: The library.
        encoder: The text model; None loads `mini` if there are such lines.
        by_models: Whether to include lines by models, not only the few by people.
        on_read: Called after each commit with the number of lines so far.
        stop: Once set, ends the work after the current commit.

    Raises:
        LibraryNotWritable: The library cannot be written.
    """
    space = encoder.space if encoder is not None else mini_space()
    count = 0
    for kind in LINE_KINDS:
        of_kind, last = space.of(kind), 0
        takes_models = by_models and kind not in _BY_PEOPLE_ALONE
        while not (stop and stop.is_set()):
            lines = library.lines_lacking(of_kind, _LINES_AT_ONCE, after=last, by_models=takes_models)
            if not lines:
                break
            last = lines[-1][0]
            if encoder is None:
                encoder = load_text_encoder(MINI)
            texts = list(dict.fromkeys(text for _, text in lines))
            vectors = dict(zip(texts, encoder.embed_texts(texts), strict=True))
            rows = np.stack([vectors[text] for _, text in lines])
            library.add_line_vectors(of_kind, [line_id for line_id, _ in lines], rows)
            count += len(lines)
            if on_read is not None:
                on_read(count)
    return count
