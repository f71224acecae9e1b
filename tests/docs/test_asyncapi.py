"""docs/asyncapi.json describes the protocol as it is coded."""

from docs import generate_asyncapi


def test_the_file_is_what_the_code_says() -> None:
    """A changed payload, code or opcode fails here until the file is generated anew."""
    assert generate_asyncapi.generate() == generate_asyncapi.DOCUMENT.read_text("utf-8")
