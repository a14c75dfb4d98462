"""Where the page can be reached from."""

import pytest

from vidsearch.web.serve import is_local


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("my-machine", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machine(host, local):
    assert is_local(host) == local
