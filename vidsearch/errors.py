"""Every error that vidsearch raises on purpose.

    VidsearchError
     ├─ MediaError               a file that cannot be turned into frames
     │   ├─ NotAVideo            not a media file, or one without pictures
     │   ├─ DamagedVideo         a video that breaks off or does not decode
     │   ├─ DecodeTimeout        decoding made no progress within its deadline
     │   ├─ NoSound              a video without sound, or without the sound track asked for
     │   ├─ VideoReplaced        the file holds other content than the library knows under its name
     │   ├─ SourceMissing        nothing is at an address
     │   └─ SourceUnavailable    a file elsewhere that does not come for now
     ├─ ModelError               a model that cannot do its work
     │   ├─ ModelUnavailable     weights missing, not reachable, or not what their digest says
     │   └─ ModelOutOfMemory     one image alone does not fit on the device
     ├─ LibraryError             a library that cannot be read or written
     │   ├─ LibraryNotFound      no library at the path
     │   ├─ LibraryDamaged       the catalog is not a sound SQLite file
     │   ├─ LibraryTooNew        written by a later format than this program knows
     │   ├─ LibraryNotWritable   read-only, no permission, or a full disk
     │   ├─ LeaseLost            another run has taken over what this one worked on
     │   ├─ VideoNotFound        a name that fits no video in it, or several
     │   ├─ TrackNotFound        a number that no track in it has
     │   └─ ConceptNotFound      a name that nobody taught it
     ├─ QueryError               a query that means nothing: empty, or contradicting itself
     ├─ ExportError              an export that cannot be written
     ├─ SubtitleError            a subtitle file that cannot be read
     └─ ServerError              what a server does not do for a client
         ├─ PathNotAllowed       a path outside the folders that were named at its start
         ├─ NotAllowed           a change, where it was started to be read only
         └─ JobNotFound          a number that no index job has

A message says what happened, with which value, and what to do. Only the CLI and the page show them. An error
about one file keeps the file's path apart from the reason, so that a list of files can name each path once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class VidsearchError(Exception):
    """Base of all errors below; its text is fit to be shown to a user.

    Args:
        reason: What happened. With `path`, a phrase that can follow "path: ", with no full stop at its end.
        path: The file that it happened to; `str(error)` is then "path: reason".
    """

    def __init__(self, reason: str = "", *, path: Path | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return self.reason if self.path is None else f"{self.path}: {self.reason}"


class MediaError(VidsearchError):
    """A file cannot be turned into frames."""


class NotAVideo(MediaError):
    """Not a media file, or one without a picture track."""


class DamagedVideo(MediaError):
    """The file is a video, but it breaks off or does not decode."""


class DecodeTimeout(MediaError):
    """Decoding made no progress within its deadline."""


class NoSound(MediaError):
    """A video without sound, or without the sound track that was asked for."""


class VideoReplaced(MediaError):
    """The file at a video's path holds other content than the library knows under that name."""


class SourceMissing(MediaError):
    """There is nothing at an address any more."""


class SourceUnavailable(MediaError):
    """The server of a file elsewhere does not give it: for now, or not to this user. Not the file's fault."""


class ModelError(VidsearchError):
    """A model cannot do its work."""


class ModelUnavailable(ModelError):
    """A model's weights are missing, not reachable, or not what their digest says."""


class ModelOutOfMemory(ModelError):
    """A single image does not fit on the device."""


class LibraryError(VidsearchError):
    """A library cannot be read or written."""


class LibraryNotFound(LibraryError):
    """There is no library at the path."""


class LibraryDamaged(LibraryError):
    """The catalog is not a sound SQLite file."""


class LibraryTooNew(LibraryError):
    """The library was written by a later format than this program knows."""


class LibraryNotWritable(LibraryError):
    """The library is read-only, not permitted, or its disk is full."""


class LeaseLost(LibraryError):
    """Another run has taken over a video that this one worked on."""


class VideoNotFound(LibraryError):
    """A name fits no video in the library, or several."""


class TrackNotFound(LibraryError):
    """No track in the library has this number."""


class ConceptNotFound(LibraryError):
    """No concept in the library has this name."""


class QueryError(VidsearchError):
    """A query means nothing: it is empty or contradicts itself."""


class ExportError(VidsearchError):
    """An export cannot be written."""


class SubtitleError(VidsearchError):
    """A subtitle file cannot be read."""


class ServerError(VidsearchError):
    """A server does not do something for a client."""


class PathNotAllowed(ServerError):
    """A path is outside the folders that the server was started with."""


class NotAllowed(ServerError):
    """The server was started to be read only."""


class JobNotFound(ServerError):
    """No index job has this number."""
