"""The local Weaviate: find or install, start, stop."""
