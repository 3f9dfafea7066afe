"""Parsed elements in, one clean text and its spans out. Pure functions."""

from wellread.cleaning.cleaner import clean, signature
from wellread.cleaning.settings import CleaningSettings

__all__ = ["CleaningSettings", "clean", "signature"]
