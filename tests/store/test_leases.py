"""Who works on which video: one worker at a time, and one that comes back late changes nothing."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.store.examples import append, axis, begin, finish, record, write_file
from vidsearch.errors import LeaseLost
from vidsearch.store import lease_rows, leases
from vidsearch.store.leases import Heartbeat
from vidsearch.store.records import Lease
from vidsearch.store.store import Store

CONTENT = "content"


def take(library: Store) -> Lease:
    lease = library.take_lease(CONTENT)
    assert lease is not None
    return lease


def expire(library: Store) -> None:
    with library._catalog.write() as connection:
        connection.execute("UPDATE leases SET expires_unix_seconds = 0")


def num_leases(library: Store) -> int:
    with library._catalog.read() as connection:
        return int(connection.execute("SELECT count(*) FROM leases").fetchone()[0])


def test_one_worker_has_a_video_until_it_gives_it_back(library: Store):
    first = take(library)
    assert library.take_lease(CONTENT) is None
    library.give_back(first)
    assert num_leases(library) == 0
    second = take(library)
    assert (second.deaths, second.epoch > first.epoch) == (0, True)


def test_what_comes_late_is_refused_whole(library: Store, tmp_path: Path):
    """A worker that hung, and whose video another one has by now, must not write into the middle of it."""
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    late = take(library)
    expire(library)
    take(library)
    frames = [record(0.0, axis(0), "a dog")]
    with pytest.raises(LeaseLost, match="Another run has taken over this video"):
        append(library, opened, frames, until_seconds=1.0, lease=late)
    with pytest.raises(LeaseLost):
        finish(library, opened, lease=late)
    with pytest.raises(LeaseLost):
        library.remove_if_empty(opened.video.id, lease=late)
    frames_track = opened.tracks[0].id
    with pytest.raises(LeaseLost):
        library.take_back(opened.video.id, [frames_track], frames_track_id=frames_track, lease=late)
    with pytest.raises(LeaseLost):
        library.note_death(late)
    library.give_back(late)
    (video,) = library.videos()
    assert (video.num_frames, video.is_complete) == (0, False)
    assert num_leases(library) == 1, "the one that took over still has it"


def test_a_lease_that_expired_is_its_holders_until_somebody_else_takes_it(library: Store):
    lease = take(library)
    expire(library)
    library.renew_leases([lease])
    assert library.take_lease(CONTENT) is None


def test_a_lost_lease_is_not_renewed(library: Store):
    late = take(library)
    expire(library)
    now = take(library)
    expire(library)
    library.renew_leases([late])
    assert take(library).epoch > now.epoch


def test_deaths_count_for_files_that_the_dead_had_begun(library: Store):
    """A session that only hands a file to workers elsewhere was not killed by it."""
    library.hand_over(take(library))
    expire(library)
    assert take(library).deaths == 0
    expire(library)
    assert take(library).deaths == 1


def test_a_worker_that_dies_is_counted_and_refused_afterwards(library: Store, tmp_path: Path):
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    dead = take(library)
    library.hand_over(dead)
    lease = library.note_death(dead)
    assert lease.deaths == 1
    with pytest.raises(LeaseLost):
        append(library, opened, [record(0.0, axis(0))], until_seconds=1.0, lease=dead)
    library.give_back(lease)
    assert take(library).deaths == 1, "who goes on with it has to know"


def test_deaths_are_forgotten_once_a_part_is_kept(library: Store, tmp_path: Path):
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    lease = library.note_death(take(library))
    assert lease.deaths == 1
    append(library, opened, [record(0.0, axis(0))], until_seconds=1.0, lease=lease)
    library.give_back(lease)
    assert take(library).deaths == 0


def test_a_finished_video_has_no_lease(library: Store, tmp_path: Path):
    opened = begin(library, write_file(tmp_path / "a.mp4", "a"))
    lease = library.note_death(take(library))
    finish(library, opened, lease=lease)
    assert num_leases(library) == 0


@pytest.mark.parametrize(
    ("holder", "is_free"),
    [
        ("{host}/{pid}/{started}", False),
        ("{host}/{pid}/12345.00", True),  # its number is another process's by now
        ("{host}/99999999/{started}", True),
        ("elsewhere/99999999/{started}", False),  # of another machine only time can tell
    ],
)
def test_a_holder_that_is_seen_to_be_dead_has_nothing(library: Store, holder: str, is_free: bool):
    host, pid, started = leases._this_process().split("/")
    assert pid == str(os.getpid())
    with library._catalog.write() as connection:
        lease_rows.put_lease(
            connection,
            CONTENT,
            holder=holder.format(host=host, pid=pid, started=started),
            seconds=60,
            deaths=0,
        )
    assert (library.take_lease(CONTENT) is not None) == is_free


def test_a_heartbeat_renews_until_it_is_stopped(library: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leases, "RENEWAL_SECONDS", 0.01)
    lease = take(library)
    expire(library)
    renewed = threading.Event()

    def renew() -> None:
        library.renew_leases([lease])
        renewed.set()

    with Heartbeat(renew):
        assert renewed.wait(30)
    assert library.take_lease(CONTENT) is None
