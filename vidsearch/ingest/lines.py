"""What lines of words mean, as vectors: made by `mini`'s text model for the lines that have none yet."""

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
"""Kinds of tracks whose lines are found by what they mean."""
_BY_PEOPLE_ALONE: tuple[TrackKind, ...] = ("caption",)
"""Of these, what models wrote is not: their captions say what the pictures' own vectors say, less well."""
_LINES_AT_ONCE = 256


def read_lines(
    library: Store,
    *,
    encoder: TextEncoder | None = None,
    by_models: bool = True,
    on_read: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Give vectors to all lines that lack one, and return how many lines that were.

    What was committed stays where it is ended by `stop` or an error; the next run goes on from there.

    Args:
        library: Whose lines to read.
        encoder: What reads them; None for `mini`, which is loaded where there are such lines.
        by_models: Whether to read those by models as well as those by people, which are few.
        on_read: Called after each commit with the number of lines so far.
        stop: Ends it after the commit in hand, once it is set.

    Raises:
        LibraryNotWritable: Nobody may write.
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
