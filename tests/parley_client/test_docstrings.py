"""The examples in the docstrings of the library hold."""

import doctest
import importlib
import pkgutil

import parley_client


def test_the_examples_in_docstrings_hold() -> None:
    """In all modules; there are some."""
    attempted = 0
    for module in pkgutil.walk_packages(parley_client.__path__, "parley_client."):
        found = doctest.testmod(importlib.import_module(module.name))
        assert found.failed == 0, module.name
        attempted += found.attempted
    assert attempted > 0
