"""One of many processes that share budgets: spends until one of them is short, then prints what it spent.

Usage: ``python spending_worker.py LEDGER_URL``; the task is one line of JSON on standard input.
"""

from __future__ import annotations

import json
import random
import sys

from wellread.ledger.budgets import Budgets
from wellread.ledger.database import Ledger


def main(address: str) -> None:
    budgets = Budgets(Ledger.open(address))
    print("ready", flush=True)
    task = json.loads(sys.stdin.readline())
    draw = random.Random(task["seed"])
    scopes, spent, calls = list(task["limits"]), 0, 0
    while calls < task["calls"]:
        draw.shuffle(scopes)  # in any order: the budgets lock them in one
        limits = {scope: task["limits"][scope] for scope in scopes}
        if budgets.reserve(limits, task["reserve"]) is not None:
            break
        cost = draw.randint(*task["costs"])
        budgets.settle(scopes, reserved_micro_usd=task["reserve"], spent_micro_usd=cost)
        spent += cost
        calls += 1
    print(json.dumps({"spent": spent, "calls": calls}))


if __name__ == "__main__":
    main(sys.argv[1])
