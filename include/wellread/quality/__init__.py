"""Checks on documents and runs before anything is paid."""
