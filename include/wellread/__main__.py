"""``python -m wellread`` is the ``wellread`` command."""

from __future__ import annotations

from wellread.cli import main

if __name__ == "__main__":
    main()
