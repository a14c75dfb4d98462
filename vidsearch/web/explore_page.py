"""Explore: what kinds of pictures a library has, the words for them, and moments that videos share."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from vidsearch.service.overview import Overview, all_frames, common_words, duplicates, overview
from vidsearch.times import format_duration
from vidsearch.web import cards, components, moment, show
from vidsearch.web.files import frame_url
from vidsearch.web.frame_map import Arranger, label_places
from vidsearch.web.ids import parse_id

if TYPE_CHECKING:
    pass

_MAX_POINTS = 3000
_NUM_WORDS = 60
_NUM_DUPLICATES = 24
_REFRESH_SECONDS = 2.0
_GROUPS = "groups-grid"
_TWINS = "twins-grid"
_COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb7744", "#888888"]
"""Told apart by people who see colours differently (after Paul Tol's "bright" scheme)."""
_ARRANGER = Arranger()


def render() -> None:
    """Show the page."""
    library = show.library()
    if library.info().num_frames == 0:
        st.html('<p class="vs-hero">Nothing to explore yet</p>')
        st.page_link(st.session_state["pages"]["index"], label="Add videos", icon=":material/add_circle:")
        return
    opened = parse_id(st.query_params.get("moment", ""))
    with st.container(key="split"):
        with st.container():
            _overview()
        with st.container(), st.container(key="moment"):
            if opened is not None:
                moment.render(opened)


def _overview() -> None:
    library = show.library()
    with st.spinner("Grouping the frames…"):
        found = library.remembered(
            "overview", lambda: library.ask(lambda opened: overview(opened.store, max_points=_MAX_POINTS))
        )
    groups, words, twins = st.tabs(["What it shows", "Words", "Duplicates"])
    with groups:
        _groups(found)
        _map(found)
    with words:
        _words()
    with twins:
        _duplicates()


def _groups(found: Overview) -> None:
    st.html('<p class="vs-lead">Frames that look alike, the largest groups first.</p>')
    shown = [
        {
            **cards.frame_card(cluster.video, cluster.frame, mark=f"{cluster.share:.0%}"),
            "name": cluster.name,
            "label": f"Open {cluster.name}: {cluster.share:.0%} of the frames",
        }
        for cluster in found.clusters
    ]
    components.grid(
        data={"label": "Groups of like frames", "cards": shown, "open": None, "size": "medium"},
        key=_GROUPS,
        on_open_change=_open,
        )  # fmt: skip


def _map(found: Overview) -> None:
    # Slow to import, and needed here alone.
    import altair as alt
    import pandas as pd

    if len(found.points) < 2:
        return
    arranged = None if found.vectors is None else _ARRANGER.places(found.vectors)
    table = pd.DataFrame(
        {
            "x": [point.x for point in found.points] if arranged is None else arranged[:, 0],
            "y": [point.y for point in found.points] if arranged is None else arranged[:, 1],
            "group": [found.clusters[point.cluster].name for point in found.points],
            "video": [show.name_of(point.video) for point in found.points],
            "time": [format_duration(point.frame.time_seconds) for point in found.points],
            "caption": [point.frame.caption.text if point.frame.caption else "" for point in found.points],
            "image": [frame_url(point.frame.id) for point in found.points],
            "frame": [point.frame.id for point in found.points],
        }
    )
    picked = alt.selection_point(fields=["frame"], name="picked")
    names = [cluster.name for cluster in found.clusters]
    points = (
        alt.Chart(table)
        .mark_circle(size=60)
        .encode(
            x=alt.X("x", axis=None),
            y=alt.Y("y", axis=None),
            color=alt.Color(
                "group", legend=None, scale=alt.Scale(domain=names, range=_COLOURS[: len(names)])
            ),
            opacity=alt.condition(picked, alt.value(0.9), alt.value(0.25)),
            tooltip=["image", "video", "time", "caption"],
        )
        .add_params(picked)
    )
    at = label_places(
        table[["x", "y"]].to_numpy(dtype=float), np.asarray([point.cluster for point in found.points])
    )
    words = pd.DataFrame({"x": at[:, 0], "y": at[:, 1], "group": names})
    ink, paper = ("#fff", "#0e1117") if st.context.theme.type == "dark" else ("#111", "#fff")
    labels = [
        alt.Chart(words)
        .mark_text(fontSize=14, fontWeight="bold", dy=-14, **look)
        .encode(x="x", y="y", text="group")
        for look in ({"stroke": paper, "strokeWidth": 4, "color": paper}, {"color": ink})
    ]
    st.html(
        '<p class="vs-lead">All frames: those that look alike are near each other. Click one to open it.</p>'
    )
    if _ARRANGER.is_working:
        _waiting()
    event = st.altair_chart(
        alt.layer(points, *labels).properties(height=520),
        on_select="rerun",
        key="map",
        alt="Frames as points with the names of their groups; those that look alike are near each other",
    )
    selected = event["selection"].get("picked", [])
    frame_id = str(int(selected[0]["frame"])) if selected else None
    if frame_id and st.session_state.get("map-opened") != frame_id:
        st.session_state["map-opened"] = frame_id
        moment.go_to(int(frame_id))
        st.rerun()


@st.fragment(run_every=_REFRESH_SECONDS)
def _waiting() -> None:
    """Say that a better map is on its way, and show it once it is there."""
    if not _ARRANGER.is_working:
        st.rerun(scope="app")
    st.html('<p class="vs-quiet" role="status">A map that separates the groups better is being computed…</p>')


def _words() -> None:
    library = show.library()
    counts = library.remembered(
        "words",
        lambda: library.ask(lambda opened: common_words(all_frames(opened.store), limit=_NUM_WORDS)),
    )
    if not counts:
        st.caption("No captions yet.")
        return
    most = counts[0][1]
    items = "".join(
        f'<li><a href="/?{urlencode({"q": word})}" target="_self" '
        f'style="font-size:{0.85 + 0.9 * count / most:.2f}rem">'
        f"{show.escaped(word)} <small>{count:,}</small></a></li>"
        for word, count in counts
    )
    st.html('<p class="vs-lead">The most frequent words in captions. Click one to search for it.</p>')
    st.html(f'<ul class="vs-words">{items}</ul>')


def _duplicates() -> None:
    library = show.library()
    pairs = library.remembered(
        "duplicates", lambda: library.ask(lambda opened: duplicates(opened.store, limit=_NUM_DUPLICATES))
    )
    if not pairs:
        st.caption("No two videos share a moment.")
        return
    st.html(
        '<p class="vs-lead">Moments that look the same in different videos, most alike first, in pairs.</p>'
    )
    shown = [
        cards.frame_card(*one, mark=f"pair {number}")
        for number, pair in enumerate(pairs, start=1)
        for one in (pair.first, pair.second)
    ]
    components.grid(
        data={"label": "Moments that videos share", "cards": shown, "open": None, "size": "medium"},
        key=_TWINS,
        on_open_change=_open,
    )


def _open() -> None:
    for key in (_GROUPS, _TWINS):
        chosen = st.session_state.get(key, {}).get("open")
        if chosen:
            moment.go_to(int(chosen))
