"""Where a video lies: a path on this machine, or an address such as `s3://bucket/film.mp4`.

For a name that is too long, `pathlib` raises the error of the system; the answer is that nothing is there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from vidsearch.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    _ThisMachinesPath = Path
else:
    _ThisMachinesPath = type(Path())  # before Python 3.12, Path itself cannot be derived from

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
"""Two letters at least: one is a drive of Windows."""
_WITH_PASSWORD = re.compile(r"[^/?#]*:[^/?#]*@")
_SECRETS = re.compile(
    r"[?&](x-amz-(signature|credential|security-token)|x-goog-(signature|credential)|signature|sig|[a-z_-]*token"
    r"|(api|access)[_-]?key|key|password|passwd|secret|auth)=",
    re.IGNORECASE,
)


class Address(_ThisMachinesPath):
    """The address of a file that lies elsewhere, where a path of this machine could stand.

    It has a path's name, parents and order, and is written as it was given. Nothing is at it as far as this
    machine's file system knows: whoever wants to read it asks `media.source.source_of`, and nothing else
    reaches out for it by accident.
    """

    _text: str

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made._text = text
        return made

    @property
    def scheme(self) -> str:
        """ "s3", "gs", "https", "smb" ..., in lower case."""
        return self._text.partition("://")[0].lower()

    @property
    def name(self) -> str:
        return PurePosixPath(self._without_query.rstrip("/")).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Self:
        head, _, rest = self._without_query.rstrip("/").partition("://")
        above = rest.rpartition("/")[0].rstrip("/") or rest
        return type(self)(f"{head}://{above}")

    @property
    def parents(self) -> Sequence[Self]:
        found: list[Self] = []
        each = self.parent
        while each not in found and each != self:
            found.append(each)
            each = each.parent
        return found

    @property
    def _without_query(self) -> str:
        return self._text.partition("?")[0] if self.scheme in ("http", "https") else self._text

    def absolute(self) -> Self:
        return self

    def as_uri(self) -> str:
        return self._text

    def __truediv__(self, key: str | os.PathLike[str]) -> Self:
        return type(self)(f"{self._text.rstrip('/')}/{os.fspath(key)}")

    def __str__(self) -> str:
        return self._text

    def __fspath__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Address({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __lt__(self, other: Path) -> bool:  # type: ignore[override]
        return self._text < str(other)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._text,)


def as_path(text: str | os.PathLike[str]) -> Path:
    """The path, or the address, that a text names; `file://` is this machine."""
    if isinstance(text, Path):
        return text
    name = os.fspath(text)
    scheme = _SCHEME.match(name)
    if scheme is None:
        return Path(name)
    if scheme[1].lower() == "file":
        from urllib.parse import unquote

        return Path(unquote(name[len(scheme[0]) :]))
    return Address(name)


def given_path(text: str | os.PathLike[str]) -> Path:
    """What `as_path` returns for what a person gave.

    Raises:
        QueryError: It is an address with a password or a signature in it. Addresses are kept and shown, so
            that credentials have no place in them.
    """
    path = as_path(text)
    if isinstance(path, Address):
        rest = str(path).partition("://")[2]
        if _WITH_PASSWORD.match(rest) or _SECRETS.search(rest):
            where = f"{path.scheme}://.../{path.name}"
            raise QueryError(
                f"The address {where} holds a password or a signature. Addresses are kept in the library and "
                "shown, so leave it out and give it where the system of that address looks for it: the "
                "environment, its own configuration, or ~/.netrc."
            )
    return path


def is_elsewhere(path: Path) -> bool:
    """Whether a path is an address, which a network stands before."""
    return isinstance(path, Address)


def absolute(path: Path) -> Path:
    """A path as a library knows it: absolute, links not followed."""
    if isinstance(path, Address):
        return path
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute keeps "..", Path.resolve follows links)


def exists(path: Path) -> bool:
    """Whether anything can be found at `path`. An address is believed: asking could take minutes."""
    try:
        return isinstance(path, Address) or path.exists()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether a regular file can be found at `path`; an address is taken for one."""
    return exists(path) and (isinstance(path, Address) or path.is_file())


def is_folder(path: Path) -> bool:
    """Whether a folder of this machine can be found at `path`."""
    return exists(path) and path.is_dir()
