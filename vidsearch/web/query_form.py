"""The fields of a question: words, a picture, steps and filters. All of them stand in the page's address."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vidsearch.errors import VidsearchError
from vidsearch.search.kinds import KINDS
from vidsearch.search.query import FrameReference, Query
from vidsearch.times import format_duration
from vidsearch.types import FrameFilter
from vidsearch.web import show
from vidsearch.web.files import frame_url

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_UPLOAD_MEGABYTES = 20
MAX_STEPS = 3

_KINDS = tuple(kind for kind in KINDS if kind != "corrections")
"""The kinds of evidence to choose from. A person's corrections go with the captions."""
_PICTURE_NAME = re.compile(r"[0-9a-f]{64}")
_DATA_ADDRESS = "data:image/jpeg;base64,"


def ask(*, num_hits: int) -> Query | None:
    """Show the question's fields. Returns the question; None while nothing is asked, or it makes no sense."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="bar-search"):
        text = st.text_input(
            "Search",
            key="q",
            bind="query-params",
            type="search",
            placeholder="Describe a moment: a dog on grass",
            label_visibility="collapsed",
            on_change=start_over,
        )
        with st.popover("Filters", icon=":material/tune:"):
            where, kinds, least = _filters()
        with st.popover("Picture", icon=":material/add_photo_alternate:"):
            _upload()
    steps = _steps(text)
    pictures, like = _picture(), _like()
    _chips()
    if not (text or like or pictures):
        return None
    if steps and (like or pictures):
        st.info("Steps follow words alone: the picture is left out.")
        like, pictures = (), ()
    try:
        return Query(
            text=text or None,
            images=pictures,
            like=like,
            then=steps,
            within_seconds=float(st.session_state.get("within", 30)),
            filter=where,
            kinds=kinds if kinds and text else None,
            num_hits=num_hits,
            group=not st.session_state.get("frames", False),
            min_confidence=least or None,
        )
    except VidsearchError as error:
        st.warning(show.plain(error))
        return None


def start_over() -> None:
    """Forget what belongs to the last answer: its open moment, and how much of it is shown."""
    for parameter in ("moment", "weaker", "shown"):
        st.query_params.pop(parameter, None)


# --- filters ----------------------------------------------------------------------------------------


def _filters() -> tuple[FrameFilter, tuple[str, ...], float]:
    kinds = st.pills(
        "Look in",
        _KINDS,
        selection_mode="multi",
        format_func=str.capitalize,
        key="kinds",
        bind="query-params",
        help="All of these where none is chosen",
    )
    part = st.text_input(
        "Video or folder", key="in", bind="query-params", placeholder="part of a name: holiday"
    )
    first, last = st.columns(2)
    since = first.date_input("Recorded from", value=None, key="since", bind="query-params")
    until = last.date_input("to", value=None, key="until", bind="query-params")
    shortest, longest = st.columns(2)
    at_least = shortest.number_input(
        "Video at least (min)", min_value=0.0, value=None, key="longer", bind="query-params"
    )
    at_most = longest.number_input(
        "at most (min)", min_value=0.0, value=None, key="shorter", bind="query-params"
    )
    start, end = st.columns(2)
    after = start.number_input("From second", min_value=0.0, value=None, key="after", bind="query-params")
    before = end.number_input("before second", min_value=0.0, value=None, key="before", bind="query-params")
    least = st.slider("How sure at least", 0, 95, 0, step=5, format="%d%%", key="sure", bind="query-params")
    st.toggle("Single frames, not moments", key="frames", bind="query-params")
    where = FrameFilter(
        video_glob=part.strip() or None,
        after_seconds=after,
        before_seconds=before,
        recorded_after=_day(since),
        recorded_before=_day(until, days=1),
        min_duration_seconds=None if at_least is None else at_least * 60,
        max_duration_seconds=None if at_most is None else at_most * 60,
    )
    return where, tuple(kinds), least / 100


def _day(day: date | None, *, days: int = 0) -> datetime | None:
    return None if day is None else datetime.combine(day + timedelta(days=days), time())


def _chips() -> None:
    """Show what narrows the search down; a click on one takes it away."""
    state = st.session_state
    labels: dict[str, Callable[[], str]] = {
        "kinds": lambda: f"Only {' and '.join(state['kinds'])}",
        "in": lambda: f"In {state['in']}",
        "since": lambda: f"Since {state['since']:%d %b %Y}",
        "until": lambda: f"Until {state['until']:%d %b %Y}",
        "longer": lambda: f"At least {state['longer']:g} min",
        "shorter": lambda: f"At most {state['shorter']:g} min",
        "after": lambda: f"From {format_duration(state['after'])}",
        "before": lambda: f"Before {format_duration(state['before'])}",
        "sure": lambda: f"At least {state['sure']}% sure",
        "frames": lambda: "Single frames",
    }
    none = {"kinds": [], "in": "", "sure": 0, "frames": False}
    on = [key for key in labels if state.get(key) not in (None, none.get(key))]
    if not on:
        return
    with st.container(horizontal=True, key="chips"):
        for key in on:
            st.button(
                show.plain(labels[key]()),
                icon=":material/close:",
                key=f"chip-{key}",
                on_click=_reset,
                args=(key, none.get(key)),
                help="Take this filter away",
            )


def _reset(key: str, value: object) -> None:
    st.session_state[key] = value


# --- steps ------------------------------------------------------------------------------------------


def _steps(text: str | None) -> tuple[str, ...]:
    """Show a field for each thing that happens next. Returns those that are filled in."""
    if not text:
        return ()
    keys = [f"then{number}" for number in range(1, MAX_STEPS)]
    started = any(st.session_state.get(key) for key in keys) or any(key in st.query_params for key in keys)
    if not st.toggle("Then something else happens", key="steps", value=started):
        return ()
    steps = []
    with st.container(horizontal=True, vertical_alignment="bottom", key="storyboard"):
        for number, key in enumerate(keys, start=2):
            step = st.text_input(
                f"Step {number}", key=key, bind="query-params", max_chars=500, placeholder="then ...",
                on_change=start_over,
            )  # fmt: skip
            if step:
                steps.append(step)
        st.number_input("within (s)", min_value=1, value=30, key="within", bind="query-params", width=130)
    return tuple(steps)


# --- pictures ---------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _uploads() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vidsearch-uploads-")


def keep_picture(data: bytes) -> None:
    """Keep a picture as a file while the server runs, and search for its like."""
    name = hashlib.sha256(data).hexdigest()
    path = Path(_uploads().name) / name
    if not path.exists():
        path.write_bytes(data)
    st.query_params["picture"] = name
    st.query_params.pop("like", None)
    start_over()


def keep_pasted(address: str) -> None:
    """Keep a picture that came as a JPEG data address; anything else is passed over."""
    if address.startswith(_DATA_ADDRESS) and len(address) < MAX_UPLOAD_MEGABYTES * 1_400_000:
        keep_picture(base64.b64decode(address.removeprefix(_DATA_ADDRESS), validate=False))
        st.session_state["q"] = ""


def _upload() -> None:
    def kept() -> None:
        chosen = st.session_state.get("upload")
        if chosen is not None:
            keep_picture(chosen.getvalue())

    st.file_uploader(
        "Find moments like a picture",
        type=["jpg", "jpeg", "png", "webp", "bmp"],
        max_upload_size=MAX_UPLOAD_MEGABYTES,
        key="upload",
        on_change=kept,
    )
    st.caption("Or paste or drop one anywhere on the page.")


def _picture() -> tuple[Path, ...]:
    """Show the picture that is searched with. Returns its file."""
    name = st.query_params.get("picture", "")
    path = Path(_uploads().name) / name
    if not _PICTURE_NAME.fullmatch(name) or not path.is_file():
        return ()
    with st.container(horizontal=True, vertical_alignment="center", key="like"):
        st.image(path.read_bytes(), width=110, alt="The picture that is searched with")
        st.html('<p class="vs-lead">Moments like this picture</p>', width="content")
        st.button("Take the picture away", icon=":material/close:", key="unpicture", on_click=_forget,
                  args=("picture",))  # fmt: skip
    return (path,)


def _like() -> tuple[FrameReference, ...]:
    """Show which frame more is wanted like. Returns it."""
    try:
        reference = FrameReference.parse(st.query_params.get("like", ""))
        video = show.library().ask(lambda library: library.video(reference.video))
    except VidsearchError:
        return ()
    frames = show.library().frames(video.id)
    nearest = min(frames, key=lambda one: abs(one.time_seconds - reference.time_seconds), default=None)
    time_text = format_duration(reference.time_seconds)
    picture = f'<img src="{frame_url(nearest.id)}" alt="">' if nearest else ""
    with st.container(horizontal=True, vertical_alignment="center", key="like"):
        st.html(
            f'<p class="vs-query-picture">{picture}<span>Like this frame of '
            f"{show.escaped(show.name_of(video))}, at {time_text}</span></p>",
            width="content",
        )
        st.button("Take the frame away", icon=":material/close:", key="unlike", on_click=_forget,
                  args=("like",))  # fmt: skip
    return (reference,)


def _forget(parameter: str) -> None:
    st.query_params.pop(parameter, None)
    start_over()
