"""Which sources a deployment declares, as far as retirements and redrives may rely on it. No server is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wellread.errors import PolicyError, SettingsError
from wellread.ledger import documents as ledger_documents
from wellread.runs import SourceDeclaration
from wellread.sources.declarations import declaration_for_folder
from wellread.workspace import Workspace
from wellread.workspace.redriving import declaration_to_run
from wellread.workspace.upkeeping import declared_ids, require_undeclared


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """The ledger knows ``board``, declared in a file, and ``letters``, given by the path of its folder."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "board.yaml").write_text("id: board\nkind: folder\nlocation: ../papers\nexclude: ['*.tmp']\n")
    (tmp_path / "letters").mkdir()
    (tmp_path / "papers").mkdir()
    board = SourceDeclaration(id="board", kind="folder", location=str(tmp_path / "papers"))
    with Workspace.open({"home": tmp_path / "home", "sources_folder": folder}) as opened:
        with opened.ledger.transaction() as tx:
            for declaration in (board, declaration_for_folder(tmp_path / "letters")):
                ledger_documents.register_source(tx, declaration, may_move=True)
        yield opened


def test_a_source_is_run_by_its_own_rules_or_not_at_all(workspace: Workspace, tmp_path: Path) -> None:
    assert declaration_to_run(workspace, "board").exclude == ("*.tmp",)
    assert declaration_to_run(workspace, "letters").location == str(tmp_path / "letters")
    with pytest.raises(SettingsError, match="never run"):
        declaration_to_run(workspace, "nobody")
    (tmp_path / "sources" / "board.yaml").write_text("id: board\nkind: ftp\nlocation: nowhere\n")
    for source in ("board", "letters"):
        with pytest.raises(SettingsError, match="kind"):
            declaration_to_run(workspace, source)
    (tmp_path / "sources" / "board.yaml").unlink()
    with pytest.raises(SettingsError, match="no declaration"):
        declaration_to_run(workspace, "board")


def test_nothing_is_retired_where_the_declarations_cannot_be_read(workspace: Workspace, tmp_path: Path) -> None:
    assert declared_ids(workspace) == {"board"}
    path = tmp_path / "sources" / "board.yaml"
    path.write_text("id: other\nkind: ftp\nlocation: nowhere\n")
    with pytest.raises(PolicyError, match="still declared"):
        require_undeclared(workspace, "board")
    path.unlink()
    require_undeclared(workspace, "board")
    path.parent.rmdir()
    assert declared_ids(workspace) is None
    with pytest.raises(PolicyError, match="still declared"):
        require_undeclared(workspace, "board")
