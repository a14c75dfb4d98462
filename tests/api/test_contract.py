"""The application keeps to its own OpenAPI description: requests that schemathesis makes of it.

Every operation is called with what fits its description and with what does not, and in sequences where one
answer gives the next request its numbers. An answer that the description does not allow, a status that it
does not name, and any 5xx is a fault.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
import schemathesis
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import positive_data_acceptance

from tests.api.conftest import TOKEN, served
from vidsearch import Library
from vidsearch.api.app import create_app
from vidsearch.api.documents import EXAMPLES

SHORT = hypothesis.settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
LONG = hypothesis.settings(SHORT, max_examples=150, derandomize=False)
CALL: dict[str, Any] = {"headers": {"Authorization": f"Bearer {TOKEN}"}, "timeout": 120}
MEANINGS = [positive_data_acceptance]
"""Not checked: a query may fit its schema and mean nothing, such as one that says only what to avoid."""


@pytest.fixture(scope="module")
def described(
    sample_folder: Path, sample_videos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The description of an application whose library is this module's own."""
    folder = tmp_path_factory.mktemp("contract") / "library"
    shutil.copytree(sample_folder, folder)
    with Library.open(folder) as library:
        behind = served(library, sample_videos)
        app = create_app(behind, token=TOKEN, names=frozenset({"testserver", "localhost", "127.0.0.1"}))
        loaded = schemathesis.openapi.from_asgi("/openapi.json", app)
        del loaded.raw_schema["security"]  # every request carries the token; test_http leaves it out
        yield loaded
        behind.jobs.close()


def ask_each(described: Any, settings: hypothesis.settings) -> int:
    """Call every operation with requests that fit and requests that do not; return how many there are."""
    operations = [found.ok() for found in described.get_all_operations()]
    for operation in operations:
        takes_something = any((operation.path_parameters, operation.query, operation.headers, operation.body))
        for mode in (
            schemathesis.GenerationMode if takes_something else [schemathesis.GenerationMode.POSITIVE]
        ):

            @settings
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                case.call_and_validate(**CALL, excluded_checks=MEANINGS)

            ask()
    return len(operations)


def test_every_operation_keeps_to_its_description(described):
    assert ask_each(described, SHORT) == 45


@pytest.mark.slow
def test_every_operation_keeps_to_its_description_for_long(described):
    assert ask_each(described, LONG) == 45


def test_every_body_has_an_example_that_is_understood(described):
    for schema, example in EXAMPLES.items():
        msgspec.convert(example, schema)
    shown = [
        content["example"]
        for methods in described.raw_schema["paths"].values()
        for operation in methods.values()
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json"
    ]
    assert sorted(map(str, shown)) == sorted(map(str, EXAMPLES.values()))


def follow(described: Any, settings: hypothesis.settings) -> None:
    class Machine(described.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return CALL

        def validate_response(self, response: Any, case: Any, **extra: Any) -> None:
            case.validate_response(response, excluded_checks=MEANINGS)

    run_state_machine_as_test(Machine, settings=settings)


def test_one_answer_leads_to_the_next_request(described):
    follow(described, hypothesis.settings(SHORT, stateful_step_count=8))


@pytest.mark.slow
def test_one_answer_leads_to_the_next_request_for_long(described):
    follow(described, hypothesis.settings(LONG, stateful_step_count=20))
