"""A folder that files are dropped into: each is claimed by one run, answered, and put aside.

``in/`` is for people; a claim renames a file into ``working/`` under a name that never comes again, and a rename
has one winner. What stands in ``working/`` is answered under a lease of the ledger, so that a file whose run died
is taken up by the next one, and two runs never answer it at once. All folders must be on one file system.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from wellread.errors import SettingsError, WellreadError
from wellread_airflow.files import FORMATS

_PARTIAL = (".part", ".tmp", ".crdownload")


@dataclass(frozen=True, slots=True)
class DropFolder:
    """The places of one drop folder; they are made where they are missing."""

    root: Path

    @classmethod
    def opened(cls, address: str) -> DropFolder:
        """Raises ``SettingsError`` for a folder that is not there, or is no folder of this machine."""
        root = Path(address)
        if "://" in address or not root.is_dir():
            raise SettingsError(
                f"watch the folder {address}",
                found="there is no such folder on this machine",
                remedy="Create it where every worker sees it. Buckets have no rename that only one can win.",
            )
        for name in ("in", "working", "out", "done", "failed"):
            (root / name).mkdir(exist_ok=True)
        return cls(root.resolve())

    def claim(self, *, settle_seconds: float = 2.0, most_files: int = 32) -> list[str]:
        """Names in ``working/`` to be answered: files dropped anew, and those whose run has died.

        Hidden and partial files are left alone, and so are files changed within ``settle_seconds``: they may still
        be written. Copy under another name and rename, to be sure.
        """
        names = sorted(path.name for path in (self.root / "working").iterdir())[:most_files]
        for path in sorted((self.root / "in").iterdir()):
            if len(names) >= most_files:
                break
            if _is_whole(path, settle_seconds) and (name := self._claimed(path)) is not None:
                names.append(name)
        return names

    def _claimed(self, path: Path) -> str | None:
        """Its name from now on; ``None``: another run was faster."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{path.stem[:80]}-{stamp}-{secrets.token_hex(3)}{path.suffix.lower()}"
        try:
            path.rename(self.root / "working" / name)
        except FileNotFoundError:
            return None
        return name

    def working(self, name: str) -> Path | None:
        """A claimed file; ``None`` where another run has ended it."""
        path = self.root / "working" / Path(name).name
        return path if path.is_file() else None

    def out(self, name: str, suffix: str | None = None) -> Path:
        """Where its answers go: the same name, another ending if wanted."""
        path = self.root / "out" / Path(name).name
        return path if suffix is None else path.with_suffix(suffix)

    def finish(self, name: str) -> None:
        """It is answered."""
        (self.root / "working" / name).rename(self.root / "done" / name)

    def fail(self, name: str, error: WellreadError) -> None:
        """It cannot be answered; why stands beside it."""
        facts = {**error.as_dict(), "file": name, "failed_at": datetime.now(UTC).isoformat()}
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        (self.root / "failed" / f"{name}.error.json").write_text(text + "\n", encoding="utf-8")
        (self.root / "working" / name).rename(self.root / "failed" / name)


def _is_whole(path: Path, settle_seconds: float) -> bool:
    name = path.name.lower()
    if name.startswith((".", "~$")) or name.endswith(_PARTIAL) or path.suffix.lower() not in FORMATS:
        return False
    try:
        age_seconds = datetime.now(UTC).timestamp() - path.stat().st_mtime
    except FileNotFoundError:
        return False  # another run was faster
    return path.is_file() and not 0 <= age_seconds < settle_seconds


def cut_names(names: Sequence[str], *, most_bytes: int = 3_000) -> list[str]:
    """As many names as an XCom of 4 KiB has room for; the rest is claimed already, and waits for the next run."""
    kept: list[str] = []
    for name in names:
        if len(json.dumps([*kept, name])) > most_bytes:
            break
        kept.append(name)
    return kept
