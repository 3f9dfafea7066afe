"""What workers share beside the ledger's rows: rate limits and stored responses, in memory or in Redis."""
