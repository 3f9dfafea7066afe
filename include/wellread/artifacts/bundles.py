"""A folder of files as one artifact: a report of several pages can be opened on another machine."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from wellread.artifacts.protocol import ArtifactStore

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: equal files make equal bundles


def put_folder(store: ArtifactStore, kind: str, folder: Path) -> str:
    """Store all files below a folder; returns the bundle's reference. Raises what the store's ``put`` raises."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:  # not compressed here: the store compresses
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                bundle.writestr(entry, path.read_bytes())
    return store.put(kind, packed.getvalue())


def get_folder(store: ArtifactStore, reference: str, into: Path) -> Path:
    """Write the bundle's files below ``into``, which is made; returns ``into``.

    The store verifies the hash, so the names are those of :func:`put_folder`. Raises what its ``get`` raises.
    """
    into.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(store.get(reference))) as bundle:
        bundle.extractall(into)
    return into
