"""Search under a snapshot, resolve documents, re-score, neighbours."""
