"""Programs that each run in their own tool's environment: the benchmark starts them, and never imports them."""
