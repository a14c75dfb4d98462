"""The pages as Streamlit's own test runner sees them: what they show, and that nothing shown is markup."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit import dataframe_util
from streamlit.testing.v1 import AppTest

from tests.captions.libraries import EMBEDDER, add_video
from tests.fakes import solid
from vidsearch.models import registry
from vidsearch.store.store import Store
from vidsearch.tracks import SegmentRecord, TrackSpec
from vidsearch.types import UNCLEAR_CAPTION, CaptionOrigin
from vidsearch.web import examples, jobs, show
from vidsearch.web.page_library import PageLibrary


def page(name: str = "search", **parameters: str) -> AppTest:
    """Run the app with this page first."""
    app = AppTest.from_function(_app, kwargs={"name": name}, default_timeout=30)
    for key, value in parameters.items():
        app.query_params[key] = value
    return checked(app.run())


def _app(name: str) -> None:
    from vidsearch.web.pages import main

    main(name)


MARKDOWN = ("caption", "subheader", "header", "markdown", "warning", "info", "error")


def checked(app: AppTest) -> AppTest:
    assert not app.exception, [one.message for one in app.exception]
    return app


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def data(app: AppTest, component: str) -> Any:
    """What a component was given; of several, the first."""
    protos = [element.proto for element in app.get("bidi_component")]
    proto = next(one for one in protos if one.component_name == f"vidsearch-{component}")
    (given,) = json.loads(proto.json)
    return given


def names(app: AppTest) -> list[str]:
    return [card["name"] for card in data(app, "grid")["cards"]]


def words(app: AppTest) -> str:
    return "\n".join([html(app), *(element.value for kind in MARKDOWN for element in getattr(app, kind))])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("search", "Find any moment in your videos"),
        ("library", "No videos yet"),
        ("explore", "Nothing to explore yet"),
        ("index", "Or index videos where they are"),
    ],
)
def test_an_empty_library_says_what_to_do(empty_library_path, name, says):
    assert says in words(page(name))


def test_the_first_screen_shows_a_moment_of_each_video_newest_first(library_path):
    app = page()
    cards = data(app, "grid")["cards"]
    assert [card["name"] for card in cards] == ["<b>second*.mp4", "first.mp4"]
    assert cards[1]["time"] == "0:11"
    assert cards[1]["text"] == "a red picture"
    assert len(cards[1]["frames"]) == 8
    assert "2 videos, 15 frames" in html(app)


def test_a_video_is_shown_by_a_typical_frame_whose_caption_says_what_it_shows(library_path, tmp_path):
    looks = ["red", "red", "red", "red", "blue"]
    captions = [UNCLEAR_CAPTION, UNCLEAR_CAPTION, "a red ball", UNCLEAR_CAPTION, "a blue ball"]
    with Store.open(library_path) as library:
        add_video(library, tmp_path / "third.mp4", looks, captions=captions)
        add_video(library, tmp_path / "fourth.mp4", ["red"] * 3, captions=[UNCLEAR_CAPTION] * 3)
    shown = {card["name"]: (card["text"], card["picture"]) for card in data(page(), "grid")["cards"]}
    assert shown["third.mp4"][0] == "a red ball"
    assert shown["fourth.mp4"][0] == UNCLEAR_CAPTION


def test_the_first_screen_waits_for_no_example_query(library_path, monkeypatch):
    go_on, found = threading.Event(), ["a red picture"]
    monkeypatch.setattr(examples, "example_queries", lambda library, limit: found if go_on.wait(30) else [])
    app = page()
    assert names(app) == ["<b>second*.mp4", "first.mp4"]
    assert "Looking for queries to try" in html(app)
    go_on.set()
    while not show.library().prepared("examples", lambda: found)[1]:
        time.sleep(0.01)
    checked(app.run())
    assert app.button(key="example-0").label == "a red picture"


def test_examples_of_before_are_shown_until_there_are_new_ones(library_path):
    library, go_on = show.library(), threading.Event()
    library.remembered("examples", lambda: ["of before"])
    assert library.prepared("examples", list) == (["of before"], True)
    with Store.open(library_path) as other:
        other.set_exclude(["drafts/"])
    assert library.prepared("examples", lambda: ["new"] if go_on.wait(30) else []) == (["of before"], False)
    go_on.set()
    while not library.prepared("examples", list)[1]:
        time.sleep(0.01)
    assert library.prepared("examples", list) == (["new"], True)


def test_the_first_screen_takes_no_time_to_look_for_tables(library_path, monkeypatch):
    """Streamlit imports pandas to do so, for each dict that a component is given."""

    def look(value):
        raise AssertionError(value)

    monkeypatch.setattr(dataframe_util, "determine_data_format", look)
    page()


def test_words_find_moments(library_path):
    app = page()
    checked(app.text_input(key="q").set_value("red").run())
    (card,) = data(app, "grid")["cards"]
    assert (card["name"], card["text"], card["length"]) == ("first.mp4", "a red picture", "6 s")
    assert card["sure"].endswith("%")
    assert card["label"].startswith(f"Open first.mp4, {card['time']}, {card['sure']} sure, a red picture")
    assert [frame["time"] for frame in card["frames"]] == [f"0:0{second}" for second in range(6)]


def test_the_address_brings_the_search_back(library_path):
    app = page(q="red")
    assert app.text_input(key="q").value == "red"
    assert names(app) == ["first.mp4"]


def test_weaker_answers_are_shown_when_asked_for(library_path):
    app = page(q="red")
    weaker = app.button(key="weaker-ones")
    assert weaker.label.startswith("Show ")
    checked(weaker.click().run())
    assert app.query_params["weaker"] == "1"
    assert len(names(app)) > 1
    assert [button for button in app.button if button.key == "weaker-ones"] == []


def test_a_moment_opens_beside_its_answers_and_plays_its_span(library_path):
    with Store.open(library_path) as library:
        frames = library.frames(library.videos()[0].id)
    app = page(q="blue", moment=str(frames[6].id))
    assert names(app) == ["first.mp4"]
    assert data(app, "grid")["open"] == str(frames[6].id)
    shown = data(app, "player")
    assert (shown["name"], shown["start"], shown["end"], shown["at"]) == ("first.mp4", 6.0, 11.0, 6.0)
    assert shown["file"] == f"/files/videos/{frames[6].video_id}"
    assert [frame["time"] for frame in shown["frames"]] == [f"0:{second:02d}" for second in range(11)]
    assert [(line["start"], line["end"], line["text"]) for line in shown["lines"]] == [
        (0.0, 6.0, "a red picture"),
        (6.0, 11.0, "a blue picture"),
    ]
    times, fits = zip(*shown["curve"], strict=True)
    assert times == tuple(float(second) for second in range(11))
    assert max(fits[:6]) < min(fits[6:]) <= 1.0
    assert shown["link"] == f"/?q=blue&moment={frames[6].id}"


def test_what_is_said_runs_along_with_what_is_seen(library_path):
    with Store.open(library_path) as library:
        video = library.videos()[0]
        spec = TrackSpec("transcript", "whisper")
        library.put_track(video.id, spec, [SegmentRecord(2.0, 4.0, "well, hello")])
        chapters = [SegmentRecord(0.0, 5.0, "Beginning"), SegmentRecord(5.0, 11.0, "End")]
        library.put_track(video.id, TrackSpec("chapter", "stream"), chapters)
    shown = data(page(moment="7"), "player")
    assert [(line["start"], line["kind"], line["text"]) for line in shown["lines"]] == [
        (0.0, "seen", "a red picture"),
        (2.0, "said", "well, hello"),
        (6.0, "seen", "a blue picture"),
    ]
    assert [(one["start"], one["text"]) for one in shown["chapters"]] == [(0.0, "Beginning"), (5.0, "End")]


def test_labels_have_a_lane_each_in_the_librarys_order(library_path):
    with Store.open(library_path) as library:
        video = library.videos()[0]
        seen = {
            video.id: [
                SegmentRecord(6.0, 9.0, "a <b>dog", {"confidence": 0.91}),
                SegmentRecord(1.0, 3.0, "a cat", {"confidence": 0.7}),
                SegmentRecord(9.0, 11.0, "a cat", {"confidence": 0.8}),
            ]
        }
        library.labels.put(["a cat", "a <b>dog"], seen, [video.id], models=("colour",))
    shown = data(page(moment="7"), "player")
    assert [
        [(one["start"], one["end"], one["name"]) for one in lane["spans"]] for lane in shown["lanes"]
    ] == [
        [(1.0, 3.0, "a cat, 0:01 to 0:03, 70% sure"), (9.0, 11.0, "a cat, 0:09 to 0:11, 80% sure")],
        [(6.0, 9.0, "a <b>dog, 0:06 to 0:09, 91% sure")],
    ]
    assert {line["kind"] for line in shown["lines"]} == {"seen"}


def test_what_is_said_answers_and_stands_on_the_card(library_path):
    with Store.open(library_path) as library:
        video = library.videos()[0]
        lines = [SegmentRecord(2.0, 4.0, "the <b>quarterly budget</b> meeting")]
        library.put_track(video.id, TrackSpec("subtitle", "file", {"name": "talk.srt"}), lines)
    card = data(page(q="quarterly budget"), "grid")["cards"][0]
    assert (card["name"], card["mark"], card["text"]) == (
        "first.mp4",
        "Said",
        "the <b>quarterly budget</b> meeting",
    )
    app = page(q="quarterly budget", kinds="Pictures", weaker="1")
    assert app.button(key="chip-kinds").label == "Only pictures"
    assert all(
        card["mark"] is None for card in data(page(q="red", kinds="pictures", weaker="1"), "grid")["cards"]
    )


def test_a_file_that_is_another_now_is_not_played_under_the_old_name(library_path):
    app = page(q="blue", moment="7")
    shown = data(app, "player")
    assert "first.mp4" in shown["problem"]
    assert shown["heat"] is None


def test_filters_stand_in_the_address_and_as_chips_that_take_them_away(library_path):
    app = page(q="red", weaker="1", **{"in": "first"})
    assert set(names(app)) == {"first.mp4"}
    chip = app.button(key="chip-in")
    assert chip.label == "In first"
    checked(chip.click().run())
    assert app.session_state["in"] == ""
    assert set(names(app)) > {"first.mp4"}


def test_a_pasted_picture_is_searched_for(library_path, monkeypatch):
    monkeypatch.setattr(registry, "load_embedder", lambda name, device=None, space=None: EMBEDDER)
    from vidsearch.media.images import encode_jpeg
    from vidsearch.web import query_form

    path = Path(query_form._uploads().name) / ("b" * 64)
    path.write_bytes(encode_jpeg(solid("blue")))
    app = page(picture="b" * 64, weaker="1")
    assert "Moments like this picture" in html(app)
    assert data(app, "grid")["cards"][0]["text"] == "a blue picture"
    checked(app.button(key="unpicture").click().run())
    assert "picture" not in app.query_params


@pytest.mark.parametrize("name", ["../secret", "x", "a" * 63, "A" * 64])
def test_no_other_file_is_taken_for_the_picture(library_path, name):
    app = page(picture=name)
    assert "Moments like this picture" not in html(app)


def test_more_like_this_asks_for_the_frame(library_path):
    with Store.open(library_path) as library:
        frame = library.frames(library.videos()[0].id)[7]
    app = page(moment=str(frame.id))
    checked(app.button(key="more-like").click().run())
    checked(app.button(key="weaker-ones").click().run())
    assert app.query_params["like"] == f"#{frame.video_id}@7.000"
    assert "Like this frame of first.mp4, at 0:07" in html(app)
    assert f'src="/files/frames/{frame.id}"' in html(app)
    assert data(app, "grid")["cards"][0]["text"] == "a blue picture"


def test_steps_find_one_thing_after_the_other_each_with_its_picture(library_path):
    app = page(q="red")
    checked(app.toggle(key="steps").set_value(True).run())
    checked(app.text_input(key="then1").set_value("blue").run())
    steps = data(app, "grid")["cards"][0]["steps"]
    assert len(steps) == 2
    assert steps[1]["label"] == "Open first.mp4, 0:06, step 2: blue"
    assert steps[1]["picture"].startswith("/files/frames/")


@pytest.mark.parametrize("name", ["search", "library"])
def test_nothing_from_names_or_captions_is_markup(library_path, name):
    app = page(name, **({"q": "<b>green</b>"} if name == "search" else {}))
    shown = words(app)
    assert "<script" not in shown
    assert "<b>" not in shown.replace("<b>second", "")
    assert not [one for kind in MARKDOWN for one in getattr(app, kind) if "![x](" in one.value]


def test_a_hostile_name_is_escaped_where_streamlit_takes_markdown(library_path):
    with Store.open(library_path) as library:
        video = library.videos()[1]
    app = page("library", video=str(video.id))
    assert app.subheader[0].value == r"\<b\>second\*\.mp4"


def test_a_query_that_means_nothing_is_explained(library_path):
    app = page(q="red")
    checked(app.number_input(key="after").set_value(5.0).run())
    checked(app.number_input(key="before").set_value(2.0).run())
    assert "The time range is empty" in app.warning[0].value


def test_the_library_shows_each_video_with_its_line(library_path):
    app = page("library", order="Longest")
    assert names(app) == ["first.mp4", "<b>second*.mp4"]
    assert [card["time"] for card in data(app, "grid")["cards"]] == ["0:11", "0:04"]
    checked(app.text_input(key="name").set_value("second").run())
    assert names(app) == ["<b>second*.mp4"]


def test_the_library_is_in_order_and_by_month(library_path, monkeypatch):
    with Store.open(library_path) as library:
        first, second = (video.id for video in library.videos())
    june, may = (datetime(2024, month, 1, tzinfo=UTC).timestamp() for month in (6, 5))
    recorded = {first: may, second: june}
    monkeypatch.setattr(PageLibrary, "recorded", lambda self: recorded)
    cards = data(page("library"), "grid")["cards"]
    assert [(card["name"], card["heading"]) for card in cards] == [
        ("<b>second*.mp4", "June 2024"),
        ("first.mp4", "May 2024"),
    ]
    recorded[second] = may
    assert [card["heading"] for card in data(page("library"), "grid")["cards"]] == ["May 2024", None]
    assert names(page("library", order="Name")) == ["<b>second*.mp4", "first.mp4"]
    assert names(page("library", order="Last indexed")) == ["<b>second*.mp4", "first.mp4"]
    assert "heading" not in data(page("library", order="Name"), "grid")["cards"][0]


def test_a_videos_timeline_is_read_and_searched(library_path):
    with Store.open(library_path) as library:
        video = library.videos()[0]
    app = page("library", video=str(video.id))
    assert names(app) == ["0:00–0:06", "0:06–0:11"]
    checked(app.text_input(key="in-captions").set_value("blue").run())
    assert names(app) == ["0:06–0:11"]


def test_a_caption_is_corrected_by_a_person(library_path):
    with Store.open(library_path) as library:
        frame = library.frames(library.videos()[0].id)[2]
    app = page(moment=str(frame.id))
    app.text_input[-1].set_value("my own words")
    keep = next(button for button in app.button if button.label == "Keep this caption")
    checked(keep.click().run())
    with Store.open(library_path) as library:
        caption = library.frames_by_id([frame.id])[0].caption
    assert caption is not None
    assert (caption.text, caption.origin) == ("my own words", CaptionOrigin.HUMAN)


def test_a_spoken_line_is_corrected_by_a_person(library_path):
    with Store.open(library_path) as library:
        video = library.videos()[0]
        frame = library.frames(video.id)[2]
        spec = TrackSpec("transcript", "whisper-tiny")
        library.put_track(video.id, spec, [SegmentRecord(frame.time_seconds, 9.0, "well, hello")])
    app = page(moment=str(frame.id))
    (text,) = app.text_area
    text.set_value("well, Bello")
    keep = next(button for button in app.button if button.label == "Keep this line")
    app = checked(keep.click().run())
    said = [line["text"] for line in data(app, "player")["lines"] if line["kind"] == "said"]
    assert said == ["well, Bello"]


def test_what_two_tracks_say_alike_is_one_line(library_path):
    """A file's own subtitles are often there twice."""
    with Store.open(library_path) as library:
        video = library.videos()[0]
        for language in ("en", "en-GB"):
            lines = [SegmentRecord(2.0, 4.0, "well, hello"), SegmentRecord(5.0, 6.0, f"in {language}")]
            library.put_track(video.id, TrackSpec("subtitle", language), lines)
        frame = library.frames(video.id)[2]
    lines = data(page(moment=str(frame.id)), "player")["lines"]
    said = [line["text"] for line in lines if line["kind"] == "said"]
    assert said == ["well, hello", "in en", "in en-GB"]


def test_a_frame_is_taught_and_forgotten(library_path):
    with Store.open(library_path) as library:
        frame = library.frames(library.videos()[0].id)[2]
    app = page(moment=str(frame.id))
    for name, said in (("the", "cannot be a name"), ("<b>Minka", "Search for it by this name")):
        field = next(one for one in app.text_input if one.placeholder == "Minka, our press")
        field.set_value(name)
        checked(next(button for button in app.button if button.label == "Teach").click().run())
        assert said in " ".join(one.value for one in (*app.warning, *app.success))
    app = page("library")
    assert app.expander[0].label == r"\<b\>Minka: 1 example"
    assert "first.mp4, 0:02</li>" in html(app)
    checked(next(button for button in app.button if button.label == "Forget it").click().run())
    with Store.open(library_path) as library:
        assert library.concepts.all() == []


def _teach(given: object) -> None:
    from vidsearch.web import teaching

    teaching.begin()
    teaching.keep(given)
    teaching.outcome()


def taught(given: object) -> AppTest:
    """What the page says when these cards were picked."""
    return checked(AppTest.from_function(_teach, kwargs={"given": given}, default_timeout=30).run())


def test_pictures_of_an_answer_are_taught_together(library_path):
    with Store.open(library_path) as library:
        first, second = (library.frames(video.id) for video in library.videos())
    ids = {"shown": [str(first[0].id), str(first[8].id)], "against": [str(second[0].id)]}
    app = taught({"name": "<b>our press", **ids})
    assert r"\<b\>our press: 2 examples, 1 against it. Search" in app.success[0].value
    assert "teach-picking" not in app.session_state
    assert "looked for by the others; 2 of 2 rank" in app.caption[0].value
    with Store.open(library_path) as library:
        (concept,) = library.concepts.all()
        assert [each.is_against for each in library.concepts.examples(concept)] == [False, False, True]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "the", "shown": ["1"], "against": []}, "cannot be a name"),
        ({"name": "Minka", "shown": [], "against": []}, "nothing to teach"),
        ({"name": "Minka", "shown": ["999"], "against": []}, "There is no frame"),
        ({"name": "Minka", "shown": ["x", "-1"], "against": ["9" * 30]}, "nothing to teach"),
    ],
)
def test_what_cannot_be_taught_is_said_and_pictures_stay_picked(library_path, given, says):
    app = taught(given)
    assert says in app.warning[0].value.replace("\\", "")
    assert app.session_state["teach-picking"]


def test_cards_are_picked_once_a_name_is_to_be_taught(library_path):
    app = page(q="red")
    assert data(app, "grid")["teach"] is None
    checked(app.button(key="pick").click().run())
    assert data(app, "grid")["teach"] == {"names": []}
    assert [one for one in app.button if one.key == "pick"] == []


@pytest.mark.parametrize("name", ["search", "index"])
def test_videos_can_be_dropped_where_there_are_none(empty_library_path, name):
    given = data(page(name), "drop")
    assert ".mp4" in given["suffixes"]
    assert given["maxFiles"] == 500
    assert Path(given["folder"]).is_dir()
    assert "ticket" not in given


def test_the_index_page_names_what_is_wrong_with_a_folder(library_path, tmp_path):
    app = page("index")
    app.text_input(key="folder").set_value(str(tmp_path / "no such folder"))
    checked(next(button for button in app.button if button.label == "Index").click().run())
    assert "no such folder" in app.warning[0].value.replace("\\", "")
    assert jobs.latest(library_path) is None


def test_a_run_that_gave_up_says_why(library_path):
    note = {"pid": 2**22 + 1, "created_at": 0.0, "paths": []}
    (library_path / "index-run.json").write_text(json.dumps(note))
    (library_path / "index-run.log").write_text(
        "models: mini\nError: a <b>model is not here.\nGo on like this\n"
    )
    app = page("index")
    assert app.error[0].value.replace("\\", "") == "a <b>model is not here."
    (library_path / "index-run.log").write_text("Indexed 2 videos\n")
    assert list(page("index").error) == []


def test_explore_has_groups_a_map_words_and_no_twins(library_path):
    app = page("explore")
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 1
    assert data(app, "grid")["label"] == "Groups of like frames"
    assert 'href="/?q=red"' in html(app)
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
