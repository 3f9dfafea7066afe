"""Where answers go besides a file: a bucket, a table, a webhook."""
