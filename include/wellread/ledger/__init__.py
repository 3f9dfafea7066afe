"""What is true: documents, objects, revisions, vectors, outcomes. SQL."""
