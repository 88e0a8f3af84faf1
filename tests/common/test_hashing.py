"""Hashes of files, folders and files together: none is that of another kind of thing."""

import hashlib
import os
from pathlib import Path

import pytest

from napari_segadv.common.hashing import (
    hashed_folder,
    recorded_before,
    sha256_of,
    sha256_of_all,
    sha256_of_files,
)

# Of the folder that `earlier` makes, as the first version hashed it.
FOLDER = "51ef836cba658b121625864952bc7db077cdfd9a5ed3d61bce9e9a1e0c9aedd7"


@pytest.fixture
def earlier(tmp_path) -> Path:
    """A folder with links: to one outside, and in a circle."""
    root = tmp_path / "folder"
    for name, text in {"configs/inference.json": "{}", "deep/net.py": "net"}.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "o.py").write_text("x")
    (root / "link").symlink_to("../out")
    (root / "loop").symlink_to(".")
    return root


def test_what_was_recorded_before_is_recognised(earlier, tmp_path):
    assert recorded_before(FOLDER, earlier)
    assert sha256_of(earlier) != FOLDER
    (earlier / "deep" / "net.py").write_text("other")
    assert not recorded_before(FOLDER, earlier)
    assert not recorded_before(FOLDER, None)
    for name in ("net.pt", "net.json"):
        (tmp_path / name).write_text(name)
    pair = [tmp_path / "net.pt", tmp_path / "net.json"]
    assert recorded_before(sha256_of_all(pair), pair[0])
    assert not recorded_before(sha256_of(pair[0]), pair[0])


def test_a_files_hash_is_that_of_its_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


def test_a_file_with_the_listing_of_a_folder_is_not_taken_for_it(earlier, tmp_path):
    listing = b"".join(
        os.fsencode(path.relative_to(earlier).as_posix()) + f"\0{sha256_of(path)}\n".encode()
        for path in sorted(earlier.rglob("*"))
        if path.is_file()
    )
    for folder in (earlier / "deep", earlier / "configs"):
        hashed = hashed_folder(folder)
        (inner,) = hashed.files.values()
        tries = [listing, inner.encode(), bytes.fromhex(inner), f"net.py\0{inner}\n".encode()]
        for content in tries:
            (tmp_path / "file").write_bytes(content)
            assert sha256_of(tmp_path / "file") != hashed.sha256


def test_files_together_are_not_taken_for_one_with_their_hashes(tmp_path):
    hashes = [hashlib.sha256(text).hexdigest() for text in (b"a", b"b")]
    together = sha256_of_files(hashes)
    for content in ("".join(hashes).encode(), b"".join(map(bytes.fromhex, hashes))):
        assert hashlib.sha256(content).hexdigest() != together
    assert sha256_of_files(hashes[::-1]) != together
    assert sha256_of_files(hashes[:1]) not in (together, hashes[0])


def made(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return sha256_of(folder)


ALIKE = [
    {"a": "b", "c": "d"},
    {"a": "bc", "d": ""},
    {"ab": "", "c": "d"},
    {"a/b": "", "c": "d"},
    {"a/b": "", "a/c": "d"},
    {"a": "", "b": "", "c": "d"},
    {"filea": "b", "c": "d"},
    {"a": "d", "c": "b"},
]


def test_folders_that_differ_in_anything_have_hashes_of_their_own(tmp_path):
    hashes = {made(tmp_path / str(number), files) for number, files in enumerate(ALIKE)}
    assert len(hashes) == len(ALIKE)


def test_where_a_link_in_a_circle_leads_counts(tmp_path):
    hashes = set()
    for number, leads in enumerate((".", "..", "../..", "../other")):
        folder = tmp_path / str(number)
        made(folder, {"inner/deep/file": "x", "inner/other/file": "y"})
        (folder / "inner" / "deep" / "link").symlink_to(leads)
        hashes.add(sha256_of(folder))
    assert len(hashes) == 4
