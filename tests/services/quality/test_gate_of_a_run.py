"""Each rule of a run stops a real run before anything is paid; when its cause is gone, the next run publishes."""

from __future__ import annotations

import importlib
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wellread.errors import QualityError
from wellread.ledger import revisions
from wellread.sources.declarations import declaration_for_folder
from wellread.testing.embedding_server import EmbeddingServer
from wellread.workspace import Workspace

pytestmark = pytest.mark.weaviate

MakePdf = Callable[..., bytes]
Files = dict[str, bytes]
FEW_DOCUMENTS = 4
"""Shares mean something from here on in these tests: the default of 20 would only make them slow."""


@pytest.fixture(scope="module")
def kept_parser() -> Iterator[Any]:
    """One pool for all tests of this file: its start takes seconds."""
    with Workspace.open().parser as pool:
        yield pool


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Once for all tests of this file: a process of its own for each workspace would import it again."""
    importlib.import_module("great_expectations")


@pytest.fixture
def workspace(deployment: dict[str, Any], kept_parser: Any) -> Iterator[Workspace]:
    deployment["quality"] = {"run": {"documents_count_min": FEW_DOCUMENTS}}
    with Workspace.open(deployment) as opened:
        opened.__dict__["parser"] = kept_parser
        yield opened


def prose(number: int) -> str:
    return (
        f"The harbour of island {number} was built in {1800 + number} by a family of engineers from the north. "
        f"It has {number + 3} cranes, and every spring the council walks along the quay and counts the lamps.\n"
    )


def texts(count: int, suffix: str = "txt") -> Files:
    return {f"sound-{number}.{suffix}": prose(number).encode() for number in range(count)}


def failing(make_pdf: MakePdf) -> Files:
    whole = make_pdf([[(72, 700, 11, prose(1))]])
    return texts(1) | {f"cut-{number}.pdf": whole[: 200 + number] for number in range(5)}


def empty(_: MakePdf) -> Files:
    return texts(3) | {"no-bytes.txt": b"", "no-words.html": b"<html><body><p> </p></body></html>"}


def repeated(_: MakePdf) -> Files:
    log_in = b"Please sign in to go on. You were signed out because nothing was done for thirty minutes.\n"
    return texts(1) | {f"page-{number}.txt": log_in for number in range(5)}


def undecoded(_: MakePdf) -> Files:
    """One character in thirty: too few to refuse the document."""
    damaged = "".join("\ufffd" if place % 30 == 7 else letter for place, letter in enumerate(prose(1) * 3))
    return {f"damaged-{number}.txt": f"{number} {damaged}".encode() for number in range(4)}


def shredded(_: MakePdf) -> Files:
    return {f"word-{number}.txt": f"word{number}".encode() for number in range(4)}


def sparse_text(_: MakePdf) -> Files:
    return {f"blank-{number}.txt": (prose(number) + " \n" * 4_000).encode() for number in range(4)}


def sparse_markup(_: MakePdf) -> Files:
    script = "<script>" + "var state = 1;\n" * 5_000 + "</script>"
    return {
        f"shell-{number}.html": f"<html><head>{script}</head><body><p>{prose(number)}</p></body></html>".encode()
        for number in range(4)
    }


def sparse_pdf(make_pdf: MakePdf) -> Files:
    padding = b"%" + b"picture " * 15_000 + b"\n"
    return {
        f"scan-{number}.pdf": make_pdf([[(72, 700, 11, f"Sheet {number}")]]).replace(
            b"%PDF-1.4\n", b"%PDF-1.4\n" + padding
        )
        for number in range(4)
    }


def sparse_office(_: MakePdf) -> Files:
    return {f"picture-{number}.docx": _letter(f"Letter {number}", padding_bytes=120_000) for number in range(4)}


def _letter(text: str, *, padding_bytes: int) -> bytes:
    from docx import Document

    written, padded = io.BytesIO(), io.BytesIO()
    document = Document()
    document.add_paragraph(text)
    document.save(written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(padded, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name), zipfile.ZIP_DEFLATED)
        target.writestr("word/media/picture.bin", bytes(padding_bytes))  # stored, as pictures are
    return padded.getvalue()


def fill(folder: Path, files: Files) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("spoilt", "rule"),
    [
        (failing, "failed_share"),
        (empty, "empty_share"),
        (repeated, "duplicate_share"),
        (undecoded, "replacement_ratio"),
        (shredded, "chunk_words"),
        (sparse_text, "chars_per_byte_text"),
        (sparse_markup, "chars_per_byte_markup"),
        (sparse_pdf, "chars_per_byte_pdf"),
        (sparse_office, "chars_per_byte_office"),
    ],
)
def test_a_bad_run_is_stopped_before_it_costs_anything_and_the_next_one_publishes(
    workspace: Workspace,
    metered: EmbeddingServer,
    make_pdf: MakePdf,
    tmp_path: Path,
    spoilt: Callable[[MakePdf], Files],
    rule: str,
) -> None:
    folder = tmp_path / "papers"
    fill(folder, spoilt(make_pdf))
    declaration = declaration_for_folder(folder, collection=workspace.settings.collection)

    with pytest.raises(QualityError) as caught:
        workspace.runner.run(declaration)

    assert f"{rule} is" in caught.value.found
    assert caught.value.found.count("limit") == 1, "another rule had its say"
    assert metered.meter().texts_count == 0
    assert _stored_chunks(workspace) == 0
    with workspace.ledger.reading() as reading:
        name = workspace.settings.collection
        assert not revisions.revisions_in_state(reading, name, ["open", "published"])
        assert len(revisions.revisions_in_state(reading, name, ["abandoned", "settled"])) == 1

    fill(folder, texts(5))
    sheet = workspace.runner.run(declaration)
    assert (sheet.published, sheet.outcomes.get("committed")) == (True, 5)
    assert sheet.embeddings_computed == sheet.chunks_inserted == _stored_chunks(workspace)
    assert {outcome for outcome, count in sheet.outcomes.items() if count} == {"committed"}


def test_a_limit_that_was_raised_lets_the_same_documents_through(
    deployment: dict[str, Any], kept_parser: Any, metered: EmbeddingServer, make_pdf: MakePdf, tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    fill(folder, repeated(make_pdf))
    sheets = []
    for limit in (0.5, 0.9):
        rules = {"documents_count_min": FEW_DOCUMENTS, "duplicate_share_max": limit}
        with Workspace.open({**deployment, "quality": {"run": rules}}) as opened:
            opened.__dict__["parser"] = kept_parser
            declaration = declaration_for_folder(folder, collection=opened.settings.collection)
            if limit < 0.8:
                with pytest.raises(QualityError, match="duplicate_share"):
                    opened.runner.run(declaration)
                assert metered.meter().texts_count == 0
            else:
                sheets.append(opened.runner.run(declaration))
    assert sheets[0].outcomes["committed"] == 6
    assert sheets[0].parsed == 0, "what was parsed by the stopped run is not parsed again"


def _stored_chunks(workspace: Workspace) -> int:
    with workspace.ledger.reading() as reading:
        projection = revisions.live_projection(reading, workspace.settings.collection)
    return workspace.store.count_objects(projection, "chunks")
