"""Over random trees and names: the order is global, keys lead back, nothing is lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.runs import SourceDeclaration
from wellread.sources.keys import assert_sorted, escape_name, unescape_name
from wellread.sources.local_folder import LocalFolderSource

NAME_BYTES = st.one_of(
    st.text(alphabet="ab-./0é\u0301文", min_size=1, max_size=4).map(lambda text: text.replace("/", "_").encode()),
    st.binary(min_size=1, max_size=4).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_")),
).filter(lambda name: name not in {b".", b".."})
TREES = st.lists(st.lists(NAME_BYTES, min_size=1, max_size=4).map(tuple), max_size=25)


def plant(root: str, paths: list[tuple[bytes, ...]]) -> set[bytes]:
    """Make the files; a path that needs a file as folder (or the reverse) is left out."""
    planted = set()
    for parts in paths:
        path = Path(root, *(os.fsdecode(part) for part in parts))
        try:
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(b"/".join(parts))
        except OSError:
            continue
        planted.add(b"/".join(parts))
    return planted


@settings(deadline=None, max_examples=100)
@given(TREES)
def test_any_tree_is_listed_whole_in_global_order_and_every_key_leads_back(paths: list[tuple[bytes, ...]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        planted = plant(root, paths)
        source = LocalFolderSource(SourceDeclaration("x", "folder", root, hidden_files=True))
        listing = source.list_objects()
        keys = [item.natural_key for item in assert_sorted(listing.objects)]
        assert listing.is_complete
        assert {os.fsencode(unescape_name(key)) for key in keys} == planted
        assert all(source.fetch(key) == os.fsencode(unescape_name(key)) and source.exists(key) for key in keys)


@given(st.binary(max_size=40).filter(lambda raw: b"\0" not in raw))
def test_the_escape_is_reversible_and_storable(raw: bytes) -> None:
    name = os.fsdecode(raw)
    key = escape_name(name)
    assert unescape_name(key) == name
    assert key.encode("utf-8").decode("utf-8") == key
    assert not any(ord(character) < 0x20 or ord(character) == 0x7F for character in key)


@given(st.lists(st.binary(max_size=6).filter(lambda raw: b"\0" not in raw), unique=True, max_size=10))
def test_different_names_have_different_keys(names: list[bytes]) -> None:
    assert len({escape_name(os.fsdecode(name)) for name in names}) == len(names)
