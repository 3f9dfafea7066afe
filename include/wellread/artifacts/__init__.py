"""Immutable blobs, addressed by their hash."""
