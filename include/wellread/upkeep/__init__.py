"""Vacuum, audits after a crash, holds, quarantine."""
