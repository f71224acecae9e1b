"""The build: small, and without anything that a strict policy refuses in a page."""

import gzip
import re

from tests.support.node import built_web

# Bytes of all scripts and styles that a first visit loads, as they are sent.
_LARGEST = 72 * 1024


def test_what_a_first_visit_loads_is_small() -> None:
    files = [*built_web().glob("assets/*.js"), *built_web().glob("assets/*.css")]
    assert {file.suffix for file in files} == {".js", ".css"}
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < _LARGEST


def test_the_page_holds_no_script_and_no_style_of_its_own() -> None:
    page = (built_web() / "index.html").read_text("utf-8")
    assert re.findall(r"<script[^>]*>([^<]*)", page) == [""]
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
