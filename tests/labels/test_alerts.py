"""Alerts: each moment once, and delivered at least once, whatever is down."""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.search.libraries import COLOUR, add_video
from vidsearch.errors import QueryError
from vidsearch.labels.alerts import look_for_alerts
from vidsearch.labels.delivery import Deliverer, DeliveryFailed, Target, to_address, to_command, to_function
from vidsearch.search.engine import Searcher
from vidsearch.store.alerts import FoundMoment
from vidsearch.store.store import Store

USUAL = ["blue"] * 20


@pytest.fixture
def library(tmp_path):
    with Store.open(tmp_path / "library", create=True) as library:
        add_video(library, "/videos/before.mp4", ["red"] * 3 + USUAL)
        yield library


def look(library, rules=("red",), targets=("print",)):
    searcher = Searcher(library, encoders={COLOUR.space: COLOUR})
    return look_for_alerts(searcher, rules, targets=targets, min_confidence=0.2)


def moment(start, end):
    return FoundMoment("hash", start, end, {"alert": "red"})


def record(library, *moments, targets=("print",)):
    return library.alerts.record("red", moments, seen_frame_id=0, targets=targets, join_seconds=2.5)


def until(condition):
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_what_is_new_is_told_once(library):
    library.alerts.begin(["red"])
    assert look(library) == 0  # what was there before is no news

    add_video(library, "/videos/new.mp4", USUAL + ["red"] * 3 + USUAL)
    assert look(library) == 1
    assert look(library) == 0
    library.alerts.begin(["red"])  # a restart
    assert look(library) == 0
    delivery = library.alerts.take_due("print", unix_seconds=1.0, for_seconds=60)
    event = json.loads(delivery.event)
    assert (event["alert"], event["path"], event["start_seconds"], event["end_seconds"]) == (
        "red",
        "/videos/new.mp4",
        20.0,
        23.0,
    )
    assert event["id"] == delivery.alert_id


def test_a_moment_that_goes_on_is_the_same_one(library):
    assert record(library, moment(5, 8)) == 1
    assert record(library, moment(8, 11), moment(6, 7)) == 0  # the next chunk; sampled again
    assert record(library, moment(13, 14)) == 0  # 2 s after the end that it has by now
    assert record(library, moment(17, 18)) == 1


def test_a_delivery_that_nobody_finished_comes_again(library):
    """Guards against alerts that a kill between taking and telling loses."""
    record(library, moment(5, 8))
    first = library.alerts.take_due("print", unix_seconds=100.0, for_seconds=60)
    assert library.alerts.take_due("print", unix_seconds=101.0, for_seconds=60) is None
    again = library.alerts.take_due("print", unix_seconds=161.0, for_seconds=60)
    assert (again.alert_id, again.attempts) == (first.alert_id, 1)
    library.alerts.delivered(again)
    assert library.alerts.take_due("print", unix_seconds=999.0, for_seconds=60) is None
    assert (library.alerts.num_pending(), library.verify()[0].kind) == (0, "thumbnail")


def test_a_target_that_is_down_or_slow_holds_up_no_other(library):
    told: list[str] = []
    tries: list[float] = []
    release = threading.Event()

    def flaky(event: str) -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise DeliveryFailed("down")

    def slow(event: str) -> None:
        release.wait(20)

    targets = [
        to_function(told.append),
        Target("flaky", "flaky", flaky, 1.0),
        Target("slow", "slow", slow, 1.0),
    ]
    record(library, moment(5, 8), targets=["print", "flaky", "slow"])
    failures: list[str] = []
    with Deliverer(library, targets, on_failure=failures.append, first_wait_seconds=0.05):
        until(lambda: len(told) == 1)
        until(lambda: len(tries) == 3)
        release.set()
        until(lambda: library.alerts.num_pending() == 0)
    assert failures == ["flaky did not take an alert: down. It is kept, and tried again."]


def test_a_command_is_run_without_a_shell(library, tmp_path):
    out = tmp_path / "out file"
    said = "os.environ['VIDSEARCH_ALERT_ALERT'] + sys.stdin.read()"
    program = f"import sys, os; open({str(out)!r}, 'a').write({said})"
    target = to_command(f'{sys.executable} -c "{program}" "; touch {tmp_path}/injected"')

    target.deliver(json.dumps({"id": "1", "alert": "$(touch x); `y`"}))

    assert out.read_text() == '$(touch x); `y`{"id": "1", "alert": "$(touch x); `y`"}\n'
    assert not (tmp_path / "injected").exists()
    for command, why in (
        (f"{sys.executable} -c 'raise SystemExit(3)'", "ended with 3"),
        ("/no/such", "No such"),
    ):
        with pytest.raises(DeliveryFailed, match=why):
            to_command(command).deliver('{"id": "1"}')
    for command in ("", "'open"):
        with pytest.raises(QueryError, match="--exec"):
            to_command(command)


def test_an_address_is_posted_to_until_it_answers_well(library):
    got: list[tuple[str | None, dict[str, str]]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.headers["Idempotency-Key"], body))
            self.send_response(500 if len(got) == 1 else 204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = to_address(f"http://127.0.0.1:{server.server_port}/alerts?token=secret")
        record(library, moment(5, 8), targets=[target.key])
        failures: list[str] = []
        with Deliverer(library, [target], on_failure=failures.append, first_wait_seconds=0.05):
            until(lambda: library.alerts.num_pending() == 0)
        server.shutdown()
    assert [key == body["id"] for key, body in got] == [True, True]
    assert "500" in failures[0]
    assert "secret" not in failures[0] + target.key
    with pytest.raises(DeliveryFailed):
        target.deliver('{"id": "1"}')
    with pytest.raises(QueryError, match="no address"):
        to_address("file:///etc/passwd")
