"""Values that need no checking, kept away from Typer's checks.

Typer (from 0.29 on) checks each value with pydantic, even one that is not given: to import it and to prepare
its checks takes 110 ms, a quarter of a search. Words, numbers within their bounds, defaults, and what has a
parser of its own need none of it. Everything else goes Typer's way, errors included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

_CHECKED: Any = object()
_NUMBER = {int: re.compile("-?[0-9]{1,15}"), float: re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")}


def pass_plain_values(command: Any) -> None:
    """Let plain values pass for a command's parameters, and for those of the commands in it."""
    its_own = command.get_params
    command.get_params = lambda ctx: passing(its_own(ctx))
    for each in getattr(command, "commands", {}).values():
        pass_plain_values(each)


def passing(parameters: Sequence[Any]) -> Sequence[Any]:
    """Return parameters that let plain values pass."""
    for each in parameters:
        check = getattr(each, "get_runtime_param", None)  # an older Typer has none, and checks by itself
        if check is not None and not isinstance(check, _Passing):
            each.get_runtime_param = _Passing(check)
    return parameters


class _Passing:
    """Stands for what a parameter checks its values with."""

    def __init__(self, typers_own: Any) -> None:
        self._typers_own = typers_own

    def __call__(self) -> _Passing:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value in its type. Raises what Typer raises."""
        found = _plain(value, param)
        return self._typers_own().coerce(value, param=param, ctx=ctx) if found is _CHECKED else found


def _plain(value: Any, parameter: Any) -> Any:
    """A plain value in its type; `_CHECKED` for one that has to be checked."""
    kind, info = parameter.type_descriptor.annotation, parameter.type_descriptor.parameter_info
    has_many = parameter.multiple or parameter.nargs == -1
    if value is None:
        return () if has_many else None
    if not has_many:
        return _plain_one(value, kind, info)
    if isinstance(value, str) or get_origin(kind) is not list:
        return _CHECKED
    values = [_plain_one(each, get_args(kind)[0], info) for each in value]
    return _CHECKED if any(each is _CHECKED for each in values) else values


def _plain_one(value: Any, kind: Any, info: Any) -> Any:
    if info.parser is not None:
        try:
            return info.parser(value)
        except (ValueError, AssertionError):  # which Typer reports
            return _CHECKED
    if kind is str:
        return value if isinstance(value, str) else _CHECKED
    if get_origin(kind) is Literal:
        return value if value in get_args(kind) else _CHECKED
    if kind in _NUMBER and not info.clamp:
        if isinstance(value, str) and _NUMBER[kind].fullmatch(value):
            value = kind(value)
        if type(value) is kind and _is_within(value, info):
            return value
    return _CHECKED


def _is_within(value: float, info: Any) -> bool:
    return (info.min is None or value >= info.min) and (info.max is None or value <= info.max)
