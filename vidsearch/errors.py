"""Every error that vidsearch raises on purpose.

    VidsearchError
     ├─ MediaError               a file that cannot be turned into frames
     │   ├─ NotAVideo            not a media file, or one without pictures
     │   ├─ DamagedVideo         a video that is truncated or does not decode
     │   ├─ DecodeTimeout        decoding made no progress within its deadline
     │   ├─ NoSound              a video without sound, or without the sound track asked for
     │   ├─ VideoReplaced        the file no longer holds the content that was indexed
     │   ├─ SourceMissing        a remote file that no longer exists
     │   └─ SourceUnavailable    a remote file that cannot be fetched for now
     ├─ ModelError               a model that cannot run
     │   ├─ ModelUnavailable     weights missing, not reachable, or not matching their digest
     │   └─ ModelOutOfMemory     one image alone does not fit on the device
     ├─ LibraryError             a library that cannot be read or written
     │   ├─ LibraryNotFound      no library at the path
     │   ├─ LibraryDamaged       the catalog is corrupt
     │   ├─ LibraryTooNew        written by a newer version of vidsearch
     │   ├─ LibraryNotWritable   read-only, no permission, or the disk is full
     │   ├─ LeaseLost            another run has taken over the video
     │   ├─ VideoNotFound        no video, or more than one, has this name
     │   ├─ TrackNotFound        no track has this id
     │   └─ ConceptNotFound      no concept has this name
     ├─ QueryError               a query or a setting that is empty, invalid or contradictory
     ├─ ExportError              an export that cannot be written
     ├─ SubtitleError            a subtitle file that cannot be read
     └─ ServerError              a request that a server refuses
         ├─ PathNotAllowed       a path outside the folders that the server may index
         ├─ NotAllowed           a change, on a read-only server
         └─ JobNotFound          no job has this id

A message says what happened, with which value, and what to do. An error about one file keeps the file's path
apart from the reason, so that a list of files can name each path once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class VidsearchError(Exception):
    """Base of all errors below. Its text can be shown to users as it is.

    Args:
        reason: What happened. With `path`, a phrase that can follow "path: ", without a final full stop.
        path: The file concerned; `str(error)` is then "path: reason".
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
    """The file is a video, but it is truncated or does not decode."""


class DecodeTimeout(MediaError):
    """Decoding made no progress within its deadline."""


class NoSound(MediaError):
    """A video without sound, or without the sound track that was asked for."""


class VideoReplaced(MediaError):
    """The file at a video's path no longer holds the content that was indexed."""


class SourceMissing(MediaError):
    """A remote file no longer exists."""


class SourceUnavailable(MediaError):
    """A server does not deliver a remote file, for now or to this user. The file itself may be fine."""


class ModelError(VidsearchError):
    """A model cannot run."""


class ModelUnavailable(ModelError):
    """A model's weights are missing, not reachable, or do not match their digest."""


class ModelOutOfMemory(ModelError):
    """A single image does not fit on the device."""


class LibraryError(VidsearchError):
    """A library cannot be read or written."""


class LibraryNotFound(LibraryError):
    """There is no library at the path."""


class LibraryDamaged(LibraryError):
    """The library's catalog is corrupt."""


class LibraryTooNew(LibraryError):
    """The library was written by a newer version of vidsearch."""


class LibraryNotWritable(LibraryError):
    """The library is read-only, this user may not write to it, or the disk is full."""


class LeaseLost(LibraryError):
    """Another run has taken over the video that this run was indexing."""


class VideoNotFound(LibraryError):
    """No video in the library, or more than one, has this name."""


class TrackNotFound(LibraryError):
    """No track in the library has this id."""


class ConceptNotFound(LibraryError):
    """No concept in the library has this name."""


class QueryError(VidsearchError):
    """A query or a setting is empty, invalid or contradictory."""


class ExportError(VidsearchError):
    """An export cannot be written."""


class SubtitleError(VidsearchError):
    """A subtitle file cannot be read."""


class ServerError(VidsearchError):
    """A server refuses a request."""


class PathNotAllowed(ServerError):
    """A path is outside the folders that the server may index."""


class NotAllowed(ServerError):
    """A request would change the library, and the server is read-only."""


class JobNotFound(ServerError):
    """No job has this id."""
