"""Vector stores: write exactly, audit, read under a snapshot."""
