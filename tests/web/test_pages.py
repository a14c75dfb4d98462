"""The pages as Streamlit's own test runner sees them: what they show, and that nothing shown is markup."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

import vidsearch.web

APP = Path(vidsearch.web.__file__).with_name("app.py")


def page(name: str = "search", **parameters: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=30)
    for key, value in parameters.items():
        app.query_params[key] = value
    app.run()
    if name != "search":
        app.switch_page(name)
        app.run()
    assert not app.exception, app.exception
    return app


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def test_an_empty_library_says_what_to_do(empty_library_path):
    app = page()
    assert app.header[0].value == "Nothing to search yet"


def test_words_find_moments(library_path):
    app = page()
    app.text_input(key="q").set_value("red").run()
    assert not app.exception
    assert "first.mp4 · 0:00:0" in html(app)
    assert "a red picture" in html(app)
