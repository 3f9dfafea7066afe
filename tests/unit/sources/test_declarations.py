"""Declarations: what is accepted, and what a wrong file's error says."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wellread.errors import SettingsError, SourceUnavailableError
from wellread.sources.declarations import (
    declaration_for_folder,
    distinct,
    load_declaration,
    load_declarations,
    source_id_for_name,
)

GOOD = "id: minutes\nkind: folder\nlocation: ../documents\n"


def refusal(folder: Path, text: str) -> str:
    path = folder / "minutes.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_declaration(path)
    assert str(path) in str(caught.value)
    return caught.value.found


def test_a_short_declaration_has_defaults_and_a_folder_beside_its_file(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    path = tmp_path / "sources" / "minutes.yaml"
    path.write_text(GOOD)
    declaration = load_declaration(path)
    assert declaration.location == str(tmp_path / "documents")
    assert (declaration.id, declaration.collection, declaration.acl) == ("minutes", "Documents", ("*",))


def test_a_full_declaration_is_read_field_by_field(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "id: crm-2\nkind: s3\nlocation: s3://bucket/a/b\ncollection: Sales\ntenant: north\nschedule: 0 3 * * *\n"
        "include: ['**/*.pdf']\nexclude: [drafts/**]\nacl: [staff, board, staff]\n"
        "fields: {year: 2024, open: true}\n"
        "endpoint_url: http://127.0.0.1:9000\nconnection_id: s3_north\nprofile: contracts\ndescription: All of it\n"
        "owner: sales\ndeclared_at: 2024-05-01T10:00:00+02:00\n"
    )
    declaration = load_declaration(path)
    assert declaration.acl == ("board", "staff")
    assert declaration.fields == {"year": 2024, "open": True}
    assert declaration.declared_at == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert declaration.location == "s3://bucket/a/b"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (GOOD + "shedule: '@daily'\n", ["line 4", "shedule is not a field", "did you mean schedule?"]),
        (GOOD + "schedule: '@dayly'\n", ["line 4", "schedule", "did you mean @daily?"]),
        (
            GOOD.replace("folder", "foldr"),
            ["line 2", "kind", "'folder' or 's3'", "did you mean folder?"],
        ),
        (GOOD.replace("minutes", "My Minutes"), ["line 1", "id", "'My Minutes'"]),
        (GOOD.replace("minutes", "a" * 64), ["line 1", "id"]),
        ("id: minutes\nkind: folder\n", ["location is missing", "s3://bucket/prefix"]),
        (GOOD + "id: again\n", ["line 4", "id stands twice", "line 1"]),
        (GOOD + "hidden_files: maybe\n", ["line 4", "hidden_files", "'maybe'"]),
        (GOOD + "endpoint_url: http://x\n", ["line 4", "endpoint_url", "no meaning with kind folder"]),
        ("id: a\nkind: s3\nlocation: s3://bucket\nfollow_symlinks: true\n", ["line 4", "follow_symlinks"]),
        ("id: a\nkind: s3\nlocation: bucket/x\n", ["line 3", "s3://bucket/prefix"]),
        ("id: a\nkind: folder\nlocation: s3://bucket\n", ["line 2", "write kind: s3"]),
        (GOOD + "collection: documents\n", ["line 4", "collection"]),
        (GOOD + "acl: []\n", ["line 4", "acl"]),
        (GOOD + "fields: {Year: 1}\n", ["line 4", "fields", "'Year'"]),
        (GOOD + "include: ['[b-a]']\n", ["line 4", "include", "cannot be read"]),
        ("- minutes\n", ["holds no fields"]),
        ("", ["holds no fields"]),
        ("id: [\n", ["not valid YAML", "line"]),
    ],
)
def test_a_wrong_declaration_is_told_the_line_the_field_and_the_choices(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    found = refusal(tmp_path, text)
    assert [part for part in parts if part not in found] == [], found


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    found = refusal(tmp_path, "id: A\nkind: x\nfoo: 1\n")
    assert all(word in found for word in ("id", "kind", "foo", "location"))


def test_a_folder_of_declarations_is_read_by_id_and_all_its_faults_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(GOOD.replace("minutes", "a"))
    (tmp_path / "a.yml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("not a declaration")
    assert [declaration.id for declaration in load_declarations(tmp_path)] == ["a", "minutes"]
    (tmp_path / "c.yaml").write_text(GOOD)
    (tmp_path / "d.yaml").write_text("id: d\n")
    with pytest.raises(SettingsError, match=r"c\.yaml: id 'minutes' is taken by a\.yml; d\.yaml: kind is missing"):
        load_declarations(tmp_path)
    with pytest.raises(SettingsError, match="no such folder"):
        load_declarations(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "source_id"),
    [
        ("docs", "docs"),
        ("Board Minutes (2024)", "board-minutes-2024"),
        ("Été", "ete"),
        ("__x__", "x"),
        ("a" * 99, "a" * 63),
    ],
)
def test_a_folder_given_is_a_source_named_after_it(name: str, source_id: str) -> None:
    assert source_id_for_name(name) == source_id


def test_a_folder_name_in_another_script_has_a_stable_id() -> None:
    assert source_id_for_name("文档") == source_id_for_name("文档") != source_id_for_name("档案")
    assert source_id_for_name("文档").startswith("folder-")


def test_folders_of_one_name_differ_in_location_and_can_be_told_apart(tmp_path: Path) -> None:
    for parent in ("x", "y"):
        (tmp_path / parent / "docs").mkdir(parents=True)
    first, second = (declaration_for_folder(tmp_path / parent / "docs") for parent in ("x", "y"))
    assert first.id == second.id
    assert first.location != second.location
    assert distinct(first).id != distinct(second).id
    (tmp_path / "link").symlink_to(tmp_path / "x" / "docs")
    assert declaration_for_folder(tmp_path / "link") == first


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("file", "gone"):
        with pytest.raises(SourceUnavailableError, match=name):
            declaration_for_folder(tmp_path / name)


def test_reading_declarations_imports_nothing_heavy() -> None:
    code = (
        "import sys, wellread.sources.declarations; "
        "print([name for name in ('boto3', 'pandas', 'sqlalchemy', 'weaviate', 'numpy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
