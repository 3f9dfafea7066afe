"""An environment of its own for every peer, made from pinned requirements below the user's cache folder.

Nothing of it is installed beside Wellread: the peers pin each other's dependencies differently. Modules
are compiled here, so that no first run is measured that does it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_REQUIREMENTS = Path(__file__).with_name("environments")


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/wellread/benchmarks``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wellread" / "benchmarks"


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made (again) where its requirements are not installed."""
    folder, requirements = cache_folder() / peer, _REQUIREMENTS / f"{peer}.txt"
    python, installed = folder / "bin" / "python", folder / "requirements.txt"
    wanted = requirements.read_text(encoding="utf-8") + "# with byte code\n"
    if python.exists() and installed.is_file() and installed.read_text(encoding="utf-8") == wanted:
        return python
    uv = _uv()
    # Hard links into uv's cache are refused by some packages' own checks.
    environment = os.environ | {"UV_LINK_MODE": "copy"}
    if not python.exists():
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True, env=environment)
    command = [uv, "pip", "install", "-q", "--python", str(python), "-r", str(requirements)]
    subprocess.run(command, check=True, env=environment)
    # Some packages hold templates that are no Python: they are reported and do no harm.
    subprocess.run([python, "-m", "compileall", "-qq", "-j", "0", str(folder / "lib")], check=False)
    installed.write_text(wanted, encoding="utf-8")
    return python


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit(
            "The peers' environments are made with uv: install it (pip install uv), then run this again."
        )
    return found
