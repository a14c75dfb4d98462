"""Re-ranks the best hits with a model that reads picture and text together.

Comparing vectors is fast but misses who does what to whom; a matching model, such as BLIP's or mini's, looks
at each hit's full frame, and is slower.
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
"""The input size of BLIP's image-text matching, the largest of all matchers."""
SEARCH_SCORE, MATCH_SCORE = "search", "match"
"""Keys of a hit's former score and its new one. Not model names, as one model may both embed and match."""


def rerank(
    library: Store, hits: Sequence[SearchHit], text: str, matcher: Matcher
) -> tuple[list[SearchHit], list[str]]:
    """Order hits by how well their best frames match the text, and give them that score.

    The former score is kept as `SEARCH_SCORE`, the new one also as `MATCH_SCORE`. If a video can no longer be
    read, its hit's thumbnail is used. Returns the hits, and notes for the user.
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
