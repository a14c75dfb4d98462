"""The bearer token, which is created once per user and stored where only that user can read it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from vidsearch.errors import VidsearchError

TOKEN_VARIABLE = "VIDSEARCH_TOKEN"
_TOKEN_BYTES = 32
_MIN_CHARACTERS = 16


def token_file() -> Path:
    """Return the file that stores the token."""
    from platformdirs import user_config_path

    return user_config_path("vidsearch") / "token"


def own_token(given: str | None, *, path: Path | None = None) -> tuple[str, bool]:
    """Return the token to require, and whether it was created just now.

    Args:
        given: A token to use instead of the stored one.
        path: The file that stores it; None for `token_file()`.

    Raises:
        VidsearchError: The token is too short, or the file cannot be read or written.
    """
    if given is not None:
        return _checked(given.strip(), "The token given"), False
    path = path or token_file()
    try:
        return _checked(path.read_text().strip(), f"The token in {path}"), False
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        raise VidsearchError(f"The token in {path} cannot be read: {error}.") from error
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Created with its final permissions. If two servers start at once, only one creates it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token + "\n")
    except FileExistsError:
        return own_token(None, path=path)
    except OSError as error:
        raise VidsearchError(
            f"The token cannot be stored in {path}: {error.strerror or error}. Give one in {TOKEN_VARIABLE}."
        ) from error
    return token, True


def _checked(token: str, what: str) -> str:
    if len(token) < _MIN_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise VidsearchError(
            f"{what} is not valid: a token has {_MIN_CHARACTERS} or more ASCII characters and no spaces. "
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token
