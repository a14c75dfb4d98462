"""`vidsearch demo`."""


def register(app: object) -> None:
    """Add the commands of this module."""
