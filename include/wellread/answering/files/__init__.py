"""Questions and answers as rows of files."""
