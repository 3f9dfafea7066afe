"""Bytes to elements, in guarded child processes."""
