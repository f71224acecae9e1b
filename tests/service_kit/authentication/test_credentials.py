"""Files of credentials and of digests: the same for who shows one and who accepts it."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from service_kit.authentication.callers import Caller
from service_kit.authentication.credentials import (
    Accepted,
    AcceptedCredentials,
    accepted_line,
    make_credential,
    present,
    presented,
    read_accepted,
    read_credential,
)

OLD, NEW, OTHER = "o" * 32, "n" * 43, "p" * 64
EDGE, BACKEND = accepted_line(Caller.EDGE, OLD), accepted_line(Caller.BACKEND, OTHER)


def shown(credential: str) -> bytes:
    ((_, value),) = present(credential)
    return value.encode()


def accepting(path: Path, *lines: str) -> AcceptedCredentials:
    path.write_text("\n".join(lines))
    return AcceptedCredentials(path, 0)


def rewrite(path: Path, text: str) -> None:
    """As an editor does, at another time, whatever the resolution of the file system's clock."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_a_credential_is_random_and_long_enough() -> None:
    """32 bytes, so that its plain digest gives it away to nobody."""
    made = {make_credential() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 43 for one in made)


@pytest.mark.parametrize(
    "content",
    [
        f"{OLD}",
        f"{OLD}\n",
        f"{OLD}\r\n",
        f"\n \r\n\t{OLD}  \n\n",
        f"\ufeff{OLD}\n",
        f"\ufeff\r\n{OLD}\r\n{NEW}\r\n",
        f"{OLD}\n{NEW}\n",
    ],
)
def test_whatever_an_editor_adds_a_credential_is_read_as_it_is_accepted(
    tmp_path: Path, content: str
) -> None:
    """Blank lines, spaces, CRLF, a BOM, a second line: who shows it and who accepts it agree."""
    file = tmp_path / "credential"
    file.write_bytes(content.encode())
    assert read_credential(file) == OLD
    digests = content.replace(OLD, EDGE).replace(NEW, accepted_line(Caller.EDGE, NEW))
    (tmp_path / "accepted").write_bytes(digests.encode())
    accepted = AcceptedCredentials(tmp_path / "accepted", 0)
    ((key, value),) = presented(file, 0)()
    assert key == "authorization"
    assert accepted.find(value.encode()) is Caller.EDGE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can not be read: No such file"),
        (b"", "holds no credential"),
        (b"\xef\xbb\xbf \r\n\n", "holds no credential"),
        (b"short", "has not 32 to 512 characters"),
        (b"x" * 513, "has not 32 to 512 characters"),
        (b"two words of more than thirty-two characters", "other characters than visible"),
        ("é".encode() * 40, "other characters than visible"),
        (b"\xff\xfeo\0", "no text in UTF-8"),
    ],
)
def test_a_bad_credential_is_told_and_not_shown(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "credential"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_credential(file)
    assert str(file) in str(caught.value)
    assert "two words" not in str(caught.value)


def test_a_digest_is_the_sha256_of_the_text(tmp_path: Path) -> None:
    """So that any tool makes it; capitals and comments do no harm."""
    file = tmp_path / "accepted"
    digest = sha256(OLD.encode())
    file.write_text(f"# by hand\nedge : {digest.hexdigest().upper()}\n")
    assert read_accepted(file) == (Accepted(digest.digest(), Caller.EDGE),)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "holds no digest"),
        (("# nobody",), "holds no digest"),
        ((OLD,), "line 1 .* is not `caller: digest`"),
        ((EDGE, OTHER), "line 2 .* is not `caller: digest`"),
        (("edge: ", EDGE), "line 1 .* is not `caller: digest`"),
        ((EDGE[:-1],), "line 1 .* is not `caller: digest`"),
        ((f"{EDGE}0",), "line 1 .* is not `caller: digest`"),
        ((EDGE.removeprefix("edge: "),), "line 1 .* is not `caller: digest`"),
        ((f"edg{EDGE.removeprefix('edge')}",), "names no known caller; there are edge, messaging"),
        (("Edge" + EDGE.removeprefix("edge"),), "line 1 .* is not `caller: digest`"),
        ((EDGE, f"backend{EDGE.removeprefix('edge')}"), "line 2 .* of another caller"),
        ([accepted_line(Caller.EDGE, x * 32) for x in "abc"], "more than 2 digests of edge"),
    ],
)
def test_a_bad_file_of_digests_is_told_and_not_shown(
    tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    """Nobody starts with it, and least of all with plain credentials, as files once had."""
    file = tmp_path / "accepted"
    with pytest.raises(ValueError, match=words) as caught:
        accepting(file, *lines)
    assert str(file) in str(caught.value)
    assert OLD not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_callers_are_known_by_their_credentials(tmp_path: Path) -> None:
    """Asked once or again; no other text is anybody's."""
    accepted = accepting(tmp_path / "accepted", EDGE, BACKEND)
    for _ in range(2):
        assert accepted.find(shown(OLD)) is Caller.EDGE
        assert accepted.find(shown(OTHER)) is Caller.BACKEND
        for stranger in (
            b"",
            b"Bearer",
            b"Bearer ",
            OLD.encode(),
            f"bearer {OLD}".encode(),
            f"Basic {OLD}".encode(),
            f"Bearer {OLD} ".encode(),
            f"Bearer  {OLD}".encode(),
            f"Bearer {NEW}".encode(),
            # What stands in the file is no credential.
            f"Bearer {EDGE.removeprefix('edge: ')}".encode(),
            b"\xff\xfe" * 5_000,
        ):
            assert accepted.find(stranger) is None, stranger
    assert accepted._known.keys() == {shown(OLD), shown(OTHER)}, "nothing else is remembered"


def test_two_are_good_while_one_is_replaced_and_the_old_one_can_be_withdrawn(
    tmp_path: Path,
) -> None:
    """Without a restart of anybody: the new line, the new file, then the old line goes."""
    file, own = tmp_path / "accepted", tmp_path / "credential"
    accepted = accepting(file, EDGE)
    own.write_text(OLD)
    caller = presented(own, 0)
    seen = accepted.current()
    rewrite(file, f"{EDGE}\n{accepted_line(Caller.EDGE, NEW)}\n")
    assert accepted.current() is not seen
    assert accepted.find(shown(OLD)) is accepted.find(shown(NEW)) is Caller.EDGE
    assert caller() == present(OLD)
    rewrite(own, NEW)
    assert caller() == present(NEW)
    rewrite(file, accepted_line(Caller.EDGE, NEW))
    assert accepted.find(shown(OLD)) is None
    assert accepted.find(shown(NEW)) is Caller.EDGE


def test_a_file_that_has_become_bad_changes_nothing_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half-written, emptied or gone: who was known stays known; the log has the reason."""
    file = tmp_path / "accepted"
    accepted = accepting(file, EDGE)
    for text in ("edge: 12", "", None):
        if text is None:
            file.unlink()
        else:
            rewrite(file, text)
        for _ in range(3):
            assert accepted.find(shown(OLD)) is Caller.EDGE
        said = capsys.readouterr().out
        assert said.count("what was read before stays in use") == 1, said
    file.write_text(BACKEND)
    assert accepted.find(shown(OTHER)) is Caller.BACKEND
    assert accepted.find(shown(OLD)) is None


def test_a_file_is_looked_at_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call costs no look at a file system."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    file = tmp_path / "credential"
    file.write_text(OLD)
    caller = presented(file, 5)
    rewrite(file, NEW)
    now = 104.9
    assert caller() == present(OLD)
    now = 105.0
    assert caller() == present(NEW)
