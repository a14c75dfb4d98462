"""Scores the best hits again with a model that reads picture and words together.

Comparing vectors is quick and knows little of who does what to whom; a matching model, such as BLIP's or
mini's, sees each hit's frame in full, and takes its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vidsearch.errors import MediaError

if TYPE_CHECKING:
    from vidsearch.models.protocols import Matcher
    from vidsearch.store.store import Store
    from vidsearch.types import SearchHit, UInt8Image

_SHORT_SIDE_PIXELS = 384
"""What BLIP's image-text matching looks at, and more than other matchers do."""
SEARCH_SCORE, MATCH_SCORE = "search", "match"
"""Names under which a hit keeps the score that it had before, and its new one. They are not a model's: one
model may embed and match."""


def rerank(
    library: Store, hits: Sequence[SearchHit], text: str, matcher: Matcher
) -> tuple[list[SearchHit], list[str]]:
    """Order hits by how well their best frames match the text, and give them that score.

    The former score stays under `SEARCH_SCORE`, the new one is under `MATCH_SCORE` too. Where a video cannot
    be read any more, its hit's thumbnail stands in. Returns the hits, and what should be said about them.
    """
    images, notes = [], []
    for hit in hits:
        image, note = _image(library, hit)
        images.append(image)
        notes += [note] if note else []
    matches = matcher.match_scores(images, text)
    scored = [
        replace(hit, score=match, scores={**hit.scores, SEARCH_SCORE: hit.score, MATCH_SCORE: match})
        for hit, match in zip(hits, matches.tolist(), strict=True)
    ]
    return sorted(scored, key=lambda hit: -hit.score), list(dict.fromkeys(notes))


def _image(library: Store, hit: SearchHit) -> tuple[UInt8Image, str | None]:
    from vidsearch.media.decode import frame_at
    from vidsearch.media.images import decode_jpeg
    from vidsearch.store.fingerprint import path_of

    try:
        path = path_of(hit.video)
        return frame_at(path, hit.time_seconds, short_side_pixels=_SHORT_SIDE_PIXELS).image, None
    except MediaError as error:
        return decode_jpeg(library.thumbnail(hit.frame_id)), f"Re-ranked by a thumbnail: {error}"
