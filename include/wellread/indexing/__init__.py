"""Plan, extract, assess, load, publish: keeps the index in step with a source."""
