"""The pages as Streamlit's own test runner sees them: what they show, and that nothing shown is markup."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import vidsearch.web
from vidsearch.store.library import Library
from vidsearch.types import CaptionOrigin
from vidsearch.web import jobs, show

APP = Path(vidsearch.web.__file__).with_name("app.py")


def page(name: str = "search", **parameters: str) -> AppTest:
    """Run a page: the whole app for the one it begins with, the page's own function for the others."""
    if name == "search":
        app = AppTest.from_file(str(APP), default_timeout=30)
    else:
        app = AppTest.from_function(_only, kwargs={"name": name}, default_timeout=30)
    for key, value in parameters.items():
        app.query_params[key] = value
    return checked(app.run())


def _only(name: str) -> None:
    from importlib import import_module

    import_module(f"vidsearch.web.{name}_page").render()


MARKDOWN = ("caption", "subheader", "header", "markdown", "warning", "info", "error")


def checked(app: AppTest) -> AppTest:
    assert not app.exception, [one.message for one in app.exception]
    return app


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def words(app: AppTest) -> str:
    return "\n".join([html(app), *(element.value for kind in MARKDOWN for element in getattr(app, kind))])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("search", "Nothing to search yet"),
        ("library", "No video here yet"),
        ("explore", "Nothing to explore yet"),
        ("index", "Index videos"),
    ],
)
def test_an_empty_library_says_what_to_do(empty_library_path, name, says):
    assert says in words(page(name))


def test_words_find_moments(library_path):
    app = page()
    checked(app.text_input(key="q").set_value("red").run())
    assert "first.mp4 · 0:00:0" in html(app)
    assert "a red picture" in html(app)
    assert "confidence" in html(app)


def test_the_address_brings_the_search_back(library_path):
    assert "first.mp4" in html(page(q="red"))


def test_a_moment_opens_with_its_neighbours_and_plays_from_its_second(library_path):
    with Library.open(library_path) as library:
        frames = library.frames(library.videos()[0].id)
    app = page(q="blue")
    checked(app.button(key=f"open-{frames[6].id}").click().run())
    assert app.query_params["moment"] == str(frames[6].id)
    assert f'src="/files/videos/{frames[6].video_id}#t=6.000"' in html(app)
    strip = [button.label for button in app.button if str(button.key).startswith("strip-")]
    assert strip == [f"0:{second:02d}" for second in range(2, 11)]
    checked(app.button(key="close-moment").click().run())
    assert "#t=" not in html(app)


def test_more_like_this_asks_for_the_frame(library_path):
    with Library.open(library_path) as library:
        frame = library.frames(library.videos()[0].id)[7]
    app = page(moment=str(frame.id))
    checked(app.button(key="more-like").click().run())
    assert app.query_params["like"] == f"#{frame.video_id}@7.000"
    assert "a blue picture" in html(app)


def test_steps_find_one_thing_after_the_other(library_path):
    app = page(q="red")
    checked(app.toggle(key="has_steps").set_value(True).run())
    checked(app.text_input(key="then-1").set_value("blue").run())
    assert [button.label for button in app.button if button.label.startswith("Step 2")]


@pytest.mark.parametrize("name", ["search", "library"])
def test_nothing_from_names_or_captions_is_markup(library_path, name):
    app = page(name, **({"q": "green"} if name == "search" else {}))
    shown = words(app)
    assert "<script" not in shown
    assert "<b>second" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "&lt;b&gt;second*.mp4" in shown
    assert not [one for kind in MARKDOWN for one in getattr(app, kind) if "![x](" in one.value]


def test_a_hostile_name_is_escaped_where_streamlit_takes_markdown(library_path):
    with Library.open(library_path) as library:
        video = library.videos()[1]
    app = page("library", video=str(video.id))
    assert app.subheader[0].value == r"\<b\>second\*\.mp4"


def test_a_query_that_means_nothing_is_explained(library_path):
    app = page(q="red")
    checked(app.number_input(key="after").set_value(5.0).run())
    checked(app.number_input(key="before").set_value(2.0).run())
    assert "The time range is empty" in app.warning[0].value


def test_the_library_shows_each_video_with_its_line(library_path):
    app = page("library")
    assert "first.mp4 · 0:11" in html(app)
    assert "a red picture" in html(app)
    checked(app.text_input(key="name").set_value("second").run())
    assert "first.mp4" not in html(app)


def test_a_videos_timeline_is_read_and_searched(library_path):
    with Library.open(library_path) as library:
        video = library.videos()[0]
    app = page("library", video=str(video.id))
    assert [button.label for button in app.button if str(button.key).startswith("part-")] == [
        "0:00–0:06",
        "0:06–0:11",
    ]
    checked(app.text_input(key="in-captions").set_value("blue").run())
    assert [button.label for button in app.button if str(button.key).startswith("part-")] == ["0:06–0:11"]


def test_a_caption_is_corrected_by_a_person(library_path):
    with Library.open(library_path) as library:
        frame = library.frames(library.videos()[0].id)[2]
    app = page(moment=str(frame.id))
    app.text_input[-1].set_value("my own words")
    keep = next(button for button in app.button if button.label == "Keep this caption")
    checked(keep.click().run())
    with Library.open(library_path) as library:
        caption = library.frames_by_id([frame.id])[0].caption
    assert caption is not None
    assert (caption.text, caption.origin) == ("my own words", CaptionOrigin.HUMAN)


def test_the_index_page_names_what_is_wrong_with_a_folder(library_path, tmp_path):
    app = page("index")
    app.text_input(key="folder").set_value(str(tmp_path / "no such folder"))
    checked(app.button[0].click().run())
    assert "no such folder" in app.warning[0].value.replace("\\", "")
    assert jobs.latest(library_path) is None


def test_explore_has_a_map_words_and_no_twins(library_path):
    app = page("explore")
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 2
    assert "All of it: a red picture" in html(app)
    assert "No two videos share a moment." in words(app)


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 40, "0", "-1", "x", "¹"])
@pytest.mark.parametrize(("name", "parameter"), [("search", "moment"), ("library", "video")])
def test_an_id_that_no_row_has_shows_the_page_without_it(library_path, name, parameter, number):
    page(name, **{parameter: number})


LINKS = [
    "www.evil.example",
    "WWW.evil.example",
    "http://evil.example",
    "https://evil.example/x",
    "a@evil.example",
]


@pytest.mark.parametrize("text", [*LINKS, ":smile:", ":material/home:", ":red[x]"])
def test_nothing_in_text_becomes_a_link_or_an_icon_by_itself(text):
    shown = show.plain(f"see {text} there").replace("\\", "")
    assert text not in shown
    assert shown.replace("\u2060", "") == f"see {text} there"
