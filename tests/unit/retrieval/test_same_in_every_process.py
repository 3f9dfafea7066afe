"""What retrieval weighs is the same in every process, to the last bit: plans are named by their hash."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
from wellread.retrieval.proximity import closeness
from wellread.retrieval.term_statistics import CountedTerms, inverse_frequencies
from wellread.retrieval.words import content_terms, terms

names = "amber birch cedar dogwood elm fir grape hazel ivy juniper kelp larch maple nettle oak".split()
counted = CountedTerms(997, {name: 3 + 7 * number for number, name in enumerate(names)})
weights = inverse_frequencies(content_terms(" ".join(names)), counted)
for skipped in range(1, 9):
    print(repr(closeness(weights, names[::skipped], title_terms=frozenset(names[5:9]), window_tokens=4)))
"""


def test_sums_of_weights_do_not_depend_on_the_order_of_a_set() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in range(1, 6)
    }
    assert len(said) == 1
