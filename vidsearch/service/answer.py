"""The answer of `Library.search`: a sequence of hits, which notebooks show as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self, overload

from vidsearch.errors import VidsearchError
from vidsearch.search.answer import SearchAnswer
from vidsearch.times import format_moment

if TYPE_CHECKING:
    import pandas as pd

    from vidsearch.types import SearchHit

_COLUMNS = ("time", "confidence", "video", "caption")


class Answer(SearchAnswer, Sequence["SearchHit"]):
    """The answer to one query: its hits, best first, and how they were found.

    It is a sequence of the hits: `len(answer)`, `answer[0]`, `answer[:3]`, `for hit in answer`.
    """

    __slots__ = ()

    @classmethod
    def of(cls, found: SearchAnswer) -> Self:
        """Convert the search engine's answer."""
        return cls(**{field.name: getattr(found, field.name) for field in fields(found)})

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[SearchHit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, index: int) -> SearchHit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SearchHit]: ...
    def __getitem__(self, index: int | slice) -> SearchHit | Sequence[SearchHit]:
        return self.hits[index]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as dicts and lists: the same as `vidsearch search --json` prints."""
        from vidsearch.service.answer_schemas import AnswerSchema
        from vidsearch.service.schemas import plain

        return plain(AnswerSchema.of(self))

    def to_pandas(self) -> pd.DataFrame:
        """Return the hits as a data frame, one row each, best first.

        The columns are those of `to_dict()["hits"]`, without `scores` and `steps`.

        Raises:
            VidsearchError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise VidsearchError("to_pandas needs pandas: install it with `pip install pandas`.") from error
        from vidsearch.service.answer_schemas import HitSchema

        columns = [name for name in HitSchema.__struct_fields__ if name not in ("scores", "steps")]
        return pd.DataFrame(self.to_dict()["hits"], columns=columns)

    def _repr_html_(self) -> str:
        from html import escape  # notebooks alone need it: its table of entities takes a millisecond

        head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
        cells = ("".join(f"<td>{escape(text)}</td>" for text in _shown(hit)) for hit in self.hits)
        rows = "".join(f"<tr>{row}</tr>" for row in cells)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"{notes}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _shown(hit: SearchHit) -> tuple[str, str, str, str]:
    confidence = "" if hit.confidence is None else f"{hit.confidence:.0%}"
    return format_moment(hit.time_seconds), confidence, hit.video.path.name, hit.caption or ""
