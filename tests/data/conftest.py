from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from inkbloom.errors import DataError, InkbloomError


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """refused(function, *args) -> the message of the error that it must raise: one line of at most 200 characters."""

    def call(function: Callable[..., Any], *args: Any, error: type[InkbloomError] = DataError) -> str:
        with pytest.raises(error) as caught:
            function(*args)
        message = str(caught.value)
        assert len(message) <= 200, message
        assert message.isprintable(), message
        return message

    return call


@pytest.fixture(scope="session")
def peak() -> Callable[..., int]:
    """peak(function, *args) -> the most bytes of Python and NumPy memory that the call held, whether it raises or not."""

    def call(function: Callable[..., Any], *args: Any) -> int:
        tracemalloc.start()
        try:
            function(*args)
        except InkbloomError:
            pass
        finally:
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    return call
