"""Keeping an index in step with a folder: Wellread beside the tools that people use for it today."""
