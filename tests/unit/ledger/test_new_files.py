"""A ledger on SQLite whose file somebody else is making at this moment."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from wellread.ledger.database import Ledger


def test_a_new_file_that_is_locked_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE begun (number INTEGER)")
    end = threading.Timer(0.3, other.execute, ["COMMIT"])
    end.start()
    ledger = Ledger.open(f"sqlite:///{path}")
    assert ledger.now() > 0
    ledger.close()
    end.join()
    other.close()
