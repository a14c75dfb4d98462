"""Explore: the library's frames as a map, its duplicates, and the words that its captions use most."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from vidsearch.times import format_time
from vidsearch.web import moment, show
from vidsearch.web.files import frame_url
from vidsearch.web.overview import MapPoint, common_words, duplicates, frame_map

_MAX_POINTS = 3000
_NUM_WORDS = 40
_MAX_NAMED = 20
_NUM_DUPLICATES = 24


def render() -> None:
    """Show the page."""
    desk = show.desk()
    if desk.info().num_frames == 0:
        st.header("Nothing to explore yet")
        st.write("Add videos on the **Index** page.")
        return
    whole = desk.everything()
    if whole is not None:
        st.html(f'<p class="vs-line">All of it: {show.escaped(whole.text)}</p>')
    chart, words, twins = st.tabs(["Map", "Words", "Duplicates"])
    with chart:
        _map(desk.ask(lambda library: frame_map(library, max_points=_MAX_POINTS)))
    with words:
        _words()
    with twins:
        _duplicates()


def _map(points: list[MapPoint]) -> None:
    if len(points) < 2:
        st.caption("A map needs frames with vectors.")
        return
    table = pd.DataFrame(
        {
            "x": [point.x for point in points],
            "y": [point.y for point in points],
            "video": [show.name_of(point.video) for point in points],
            "time": [format_time(point.frame.time_seconds) for point in points],
            "caption": [point.frame.caption.text if point.frame.caption else "" for point in points],
            "image": [frame_url(point.frame.id) for point in points],
            "frame": [point.frame.id for point in points],
        }
    )
    picked = alt.selection_point(fields=["frame"], name="picked")
    chart = (
        alt.Chart(table)
        .mark_circle(size=60)
        .encode(
            x=alt.X("x", axis=None),
            y=alt.Y("y", axis=None),
            color=alt.Color("video", legend=_legend(len(set(table["video"])))),
            opacity=alt.condition(picked, alt.value(0.9), alt.value(0.25)),
            tooltip=["image", "video", "time", "caption"],
        )
        .add_params(picked)
        .properties(height=520)
    )
    event = st.altair_chart(
        chart, on_select="rerun", key="map", alt="Frames as points; those that look alike are near each other"
    )
    st.caption("Frames that look alike are near each other (principal components). Click one to open it.")
    selected = event["selection"].get("picked", [])
    if selected:
        moment.render(int(selected[0]["frame"]), None)


def _legend(num_videos: int) -> alt.Legend | None:
    if num_videos > _MAX_NAMED:
        return None
    return alt.Legend(orient="bottom", columns=4, labelLimit=180, title=None)


def _words() -> None:
    counts = show.desk().ask(lambda library: common_words(library, limit=_NUM_WORDS))
    if not counts:
        st.caption("No captions yet.")
        return
    table = pd.DataFrame(counts, columns=["word", "frames"])
    chart = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("frames", title="frames"),
            y=alt.Y("word", sort="-x", title=None),
            tooltip=["word", "frames"],
        )
    )
    st.altair_chart(chart, alt="The words that captions use most, by number of frames")


def _duplicates() -> None:
    pairs = show.desk().ask(lambda library: duplicates(library, limit=_NUM_DUPLICATES))
    if not pairs:
        st.caption("No two videos share a moment.")
        return
    st.caption("Moments that look the same in different videos, most alike first.")
    for pair in pairs:
        left, right = st.columns(2)
        for column, (video, frame) in ((left, pair.first), (right, pair.second)):
            with column:
                show.card(
                    frame.id,
                    video=video,
                    time_seconds=frame.time_seconds,
                    caption=frame.caption.text if frame.caption else "",
                )
