"""Index runs started from the page are processes of their own."""

import sys
import time

import pytest

from vidsearch.web import jobs

STUB = """\
#!/bin/sh
exec {python} -c 'import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("stopped", flush=True), sys.exit(130)))
print(sys.argv[1:], flush=True)
time.sleep(60)' "$@"
"""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Stands in for Python: prints what it is asked to run, and waits to be stopped."""
    path = tmp_path / "python"
    path.write_text(STUB.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def reap():
    for child in jobs._children:
        child.wait(timeout=30)


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 30 s")


def test_a_run_outlives_the_page_and_can_be_stopped(tmp_path, stub):
    library = tmp_path / "library"
    job = jobs.start(library, [tmp_path / "-my videos"], ["--fps", "0.5"])
    try:
        wait_for(lambda: jobs.log(library))
        assert jobs.latest(library) == job
        assert job.is_running
        arguments = ["index", "--fps", "0.5", "--", str(tmp_path / "-my videos")]
        assert jobs.log(library).endswith(str(arguments)[1:])
    finally:
        jobs.stop(job)
    wait_for(lambda: not job.is_running)
    assert jobs.log(library).endswith("stopped")
    reap()


def test_another_process_of_the_same_number_is_not_the_run(tmp_path, stub):
    job = jobs.start(tmp_path / "library", [tmp_path])
    try:
        assert not jobs.Job(job.pid, job.created_at - 100, job.paths).is_running
    finally:
        jobs.stop(job)
    wait_for(lambda: not job.is_running)
    jobs.stop(job)
    reap()


@pytest.mark.parametrize("note", ["", "{}", "[1]", "[" * 100_000, '{"pid": 1e999}', '{"pid": "x"}', "null"])
def test_a_torn_note_is_no_run(tmp_path, note):
    (tmp_path / "index-run.json").write_text(note)
    assert jobs.latest(tmp_path) is None


def test_without_a_run_there_is_no_log(tmp_path):
    assert jobs.latest(tmp_path) is None
    assert jobs.log(tmp_path) == ""


def test_modules_beside_the_videos_do_not_run(tmp_path, monkeypatch):
    trap = tmp_path / "ran"
    for name in ("typer", "json", "vidsearch", "runpy", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(trap)!r}, 'a').write('{name} ')")
    monkeypatch.chdir(tmp_path)
    job = jobs.start(tmp_path / "library", [tmp_path])
    wait_for(lambda: not job.is_running)
    reap()
    assert not trap.exists(), trap.read_text()
    assert "no video" in jobs.log(tmp_path / "library").lower()
