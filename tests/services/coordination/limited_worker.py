"""One of many processes that share a rate: takes its share of grants and prints when each one was granted.

Usage: ``python limited_worker.py BACKEND ADDRESS KEY``; the task is one line of JSON on standard input, awaited
after ``ready`` was printed, so that all workers begin together.
"""

from __future__ import annotations

import json
import random
import sys
import time

from wellread.coordination.memory_limiter import MemoryRateLimiter
from wellread.coordination.protocol import Rate, RateLimiter
from wellread.coordination.redis_limiter import RedisRateLimiter
from wellread.ledger.database import Ledger
from wellread.ledger.rate_limits import LedgerRateLimiter


def open_limiter(backend: str, address: str) -> RateLimiter:
    if backend == "redis":
        return RedisRateLimiter(address)
    return LedgerRateLimiter(Ledger.open(address)) if backend == "ledger" else MemoryRateLimiter()


def main(backend: str, address: str, key: str) -> None:
    limiter = open_limiter(backend, address)
    print("ready", flush=True)
    task = json.loads(sys.stdin.readline())
    rate, draw = Rate(**task["rate"]), random.Random(task["seed"])
    grants = []
    while len(grants) < task["grants"]:
        tokens = draw.choice(task["tokens"])
        before = time.time()
        while wait := limiter.reserve(key, rate, tokens=tokens):
            time.sleep(wait)
            before = time.time()
        grants.append((before, time.time(), tokens))
        if task["settles"]:
            limiter.settle(key, reserved_tokens=tokens, used_tokens=tokens + 1)
    print(json.dumps(grants))


if __name__ == "__main__":
    main(*sys.argv[1:])
