"""The builds: small, and without anything that a strict policy refuses in a page."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.node import built_desk, built_web

# Bytes of all scripts and styles that a first visit loads, as they are sent.
_LARGEST = {built_web: 90 * 1024, built_desk: 60 * 1024}


@pytest.mark.parametrize("built", _LARGEST)
def test_what_a_first_visit_loads_is_small(built: Callable[[], Path]) -> None:
    files = [*built().glob("assets/*.js"), *built().glob("assets/*.css")]
    assert {file.suffix for file in files} == {".js", ".css"}
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < _LARGEST[built]


@pytest.mark.parametrize("built", _LARGEST)
def test_the_page_holds_no_script_and_no_style_of_its_own(built: Callable[[], Path]) -> None:
    page = (built() / "index.html").read_text("utf-8")
    assert re.findall(r"<script[^>]*>([^<]*)", page) == [""]
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
