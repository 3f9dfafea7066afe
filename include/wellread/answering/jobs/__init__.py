"""Question jobs: frozen plans, and their execution row by row."""
