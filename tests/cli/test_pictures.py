"""Pictures go to terminals that show them, and nowhere else."""

from __future__ import annotations

import base64
import io
import re
import sys

import numpy as np
import pytest
from PIL import Image

from vidsearch.cli import pictures


@pytest.fixture
def terminal(monkeypatch):
    """A terminal about which nothing is known."""
    for name in ("TERM", "TERM_PROGRAM", "KITTY_WINDOW_ID", "TMUX", pictures.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    return monkeypatch


@pytest.mark.parametrize(
    ("variables", "protocol"),
    [
        ({}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "foot"}, "sixel"),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux"}, None),
        ({"VIDSEARCH_PICTURES": "sixel"}, "sixel"),
        ({"KITTY_WINDOW_ID": "1", "VIDSEARCH_PICTURES": "off"}, None),
    ],
)
def test_a_terminal_is_known_by_its_environment(terminal, variables, protocol):
    for name, value in variables.items():
        terminal.setenv(name, value)
    assert pictures.protocol() == protocol


def test_a_pipe_gets_no_pictures(terminal, capsys):
    terminal.setenv("KITTY_WINDOW_ID", "1")
    terminal.setattr(sys.stdout, "isatty", lambda: False)
    assert not pictures.show_image(jpeg(4, 4))
    assert capsys.readouterr().out == ""


def jpeg(width, height):
    out = io.BytesIO()
    Image.new("RGB", (width, height), (255, 0, 0)).save(out, "JPEG")
    return out.getvalue()


def picture_in(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_kitty_gets_a_png_in_chunks():
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    text = pictures.drawn(out.getvalue(), "kitty")
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    heads = [head for head, _ in chunks]
    assert heads == ["a=T,f=100,m=1", *["m=1"] * (len(chunks) - 2), "m=0"]
    assert all(len(chunk) <= 4096 for _, chunk in chunks)
    assert np.array_equal(np.asarray(picture_in("".join(chunk for _, chunk in chunks))), noise)


def test_a_picture_is_made_smaller_to_a_height():
    text = pictures.drawn(jpeg(80, 40), "iterm2", height_pixels=20)
    assert picture_in(text.partition(":")[2].rstrip("\a")).size == (40, 20)


def test_a_large_picture_is_sent_small_enough_to_be_taken():
    """`explain` draws a frame of whatever size; iTerm2 refuses a sequence of more than 1,048,576 bytes."""
    noise = np.random.default_rng(0).integers(0, 255, (2160, 3840, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    text = pictures.drawn(out.getvalue(), "iterm2")
    assert len(text) < 1_048_576
    assert picture_in(text.partition(":")[2].rstrip("\a")).size == (853, 480)


def test_sixels_draw_each_colour_of_a_band():
    picture = np.zeros((7, 5, 3), dtype=np.uint8)
    picture[:, 3:] = (255, 255, 255)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    assert pictures.drawn(out.getvalue(), "sixel") == (
        '\x1bPq"1;1;5;7#0;2;0;0;0#215;2;100;100;100#0~~~??$#215???~~-'.replace("???~~", "???~~")
        + "#0@@@??$#215???@@-\x1b\\"
    )
