"""The composition root: settings to ledger, artifacts, store and models. Applications start here.

from wellread.workspace import Workspace

with Workspace.open() as workspace:
    row = workspace.ask("When does the last train leave?")
"""

from __future__ import annotations

from wellread.workspace.composition import Workspace
from wellread.workspace.settings import Settings, load_settings

__all__ = ["Settings", "Workspace", "load_settings"]
