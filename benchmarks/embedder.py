"""How near the local embedder comes to what the processor can do: ``python -m benchmarks.embedder``.

The ceiling is not a wish but measured beside it: the rate of single-precision matrix products (numpy on
OpenBLAS, same number of threads) of the largest shape that the model multiplies, divided by the work of one
chunk. Embedder and product take turns, so that a busy machine slows both; the best of some short
rounds counts. On a machine that is never quiet, trust the figure of one thread by processor time.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from benchmarks.reporting import load_average, write_results

from wellread.models.embedding.local_onnx import LocalEmbedder, usable_cores_count
from wellread.models.settings import LocalModelSettings
from wellread.telemetry import peak_memory_bytes

LAYERS, HIDDEN, INNER = 6, 384, 1536
"""all-MiniLM-L6-v2."""
CHUNKS_COUNT = 64
CHUNK_TOKENS = 200
ROUND_CHUNKS = 16
ROUNDS = 40
BUDGET_SECONDS = 30.0
TARGET_RATIO = 0.6

VOCABULARY = """
the of and to in a is that it was for on are as with his they at be this from have or by one had not but what
all were when we there can an your which their said if do will each about how up out them then she many some
so these would other into has more her two like him see time could no make than first been its who now people
my made over did down only way find use may water long little very after words called just where most know
river contract notice period revenue quarter engine valve pressure patient therapy index document archive
committee
"""


def flops_per_chunk(tokens: int) -> float:
    """Floating-point operations of the matrix products for one text of ``tokens`` tokens.

    For each layer and token: 4 projections of H x H and 2 of H x I, and for each pair of tokens the scores
    and the weighted sum over H; a multiplication and an addition count as 2.
    """
    per_token = 4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER
    return LAYERS * (2.0 * tokens * per_token + 4.0 * tokens * tokens * HIDDEN)


def build_chunks(embedder: LocalEmbedder) -> list[str]:
    """Texts of 180 to 220 tokens, special ones included, with a mean near 200; the same in each run."""
    draw = random.Random(20260101)
    vocabulary, chunks = VOCABULARY.split(), []
    for number in range(CHUNKS_COUNT):
        target = CHUNK_TOKENS - 20 + number * 40 // (CHUNKS_COUNT - 1)
        words = [draw.choice(vocabulary) for _ in range(target - 2)]
        while embedder.count_tokens(" ".join(words)) > target - 2:
            words.pop()
        chunks.append(" ".join(words))
    draw.shuffle(chunks)
    return chunks


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call, by ``clock``."""
    started = clock()
    work()
    return clock() - started


def gemm_flops(rows: int, inner: int, columns: int, clock: Callable[[], float]) -> float:
    """Operations a second of one float32 product, over about 50 milliseconds."""
    left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    out = np.empty((rows, columns), np.float32)
    work = 2.0 * rows * inner * columns
    repeats = max(1, round(1e10 / work))

    def multiply() -> None:
        for _ in range(repeats):
            np.matmul(left, right, out=out)

    return repeats * work / seconds_of(multiply, clock)


def measure(*, threads_count: int, clock: Callable[[], float]) -> dict[str, float]:
    """Embedder and product in turns, in short rounds."""
    embedder = LocalEmbedder(LocalModelSettings(threads_count=threads_count))
    chunks = build_chunks(embedder)
    embedder.embed(chunks[:ROUND_CHUNKS], kind="document")
    batch = LocalModelSettings().batch_texts_count
    rates, products = [], []
    end_at = time.perf_counter() + BUDGET_SECONDS
    for number in range(ROUNDS):
        if time.perf_counter() > end_at:
            break
        first = number * ROUND_CHUNKS % len(chunks)
        part = chunks[first : first + ROUND_CHUNKS]
        products.append(gemm_flops(batch * CHUNK_TOKENS, HIDDEN, INNER, clock))
        rates.append(len(part) / seconds_of(lambda part=part: embedder.embed(part, kind="document"), clock))
    tokens = [embedder.count_tokens(chunk) + 2 for chunk in chunks]
    work = statistics.fmean(flops_per_chunk(count) for count in tokens)
    ceiling = max(products) / work
    return {
        "threads_count": threads_count,
        "chunk_tokens_mean": round(statistics.fmean(tokens), 1),
        "gflop_per_chunk": round(work / 1e9, 3),
        "gemm_gflop_per_second": round(max(products) / 1e9, 1),
        "ceiling_chunks_per_second": round(ceiling, 1),
        "chunks_per_second": round(max(rates), 1),
        "rounds_count": len(rates),
        "chunks_per_second_median": round(statistics.median(rates), 1),
        "ratio_to_ceiling": round(max(rates) / ceiling, 3),
    }


def one_thread_by_cpu_time() -> dict[str, float]:
    """The same on one thread, by processor time: hardly moved by what else the machine does.

    In a process of its own, because OpenBLAS reads its number of threads when it is loaded.
    """
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.embedder", "--one-thread"]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


def query_milliseconds() -> float:
    """The shortest of 50 single short queries."""
    embedder = LocalEmbedder()
    return 1000 * min(
        seconds_of(lambda: embedder.embed(["what is the notice period"], kind="query")) for _ in range(50)
    )


def main() -> int:
    """Measure and write ``results/embedder.json``; 1 where the target is missed."""
    if "--one-thread" in sys.argv:
        print(json.dumps(measure(threads_count=1, clock=time.process_time)))
        return 0
    load_before = load_average()
    embedder = LocalEmbedder()
    first_load_seconds = seconds_of(lambda: embedder.identity)
    wall = measure(threads_count=usable_cores_count(), clock=time.perf_counter)
    results = {
        "load_average_before": load_before,
        "model": embedder.identity.as_dict(),
        "target_ratio": TARGET_RATIO,
        "all_cores_by_wall_clock": wall,
        "one_thread_by_processor_time": one_thread_by_cpu_time(),
        "first_load_seconds": round(first_load_seconds, 2),
        "query_milliseconds": round(query_milliseconds(), 2),
        "peak_memory_mib": round(peak_memory_bytes() / 2**20),
    }
    path = write_results("embedder", results, packages=["onnxruntime", "tokenizers", "numpy"])
    print(path.read_text(encoding="utf-8"))
    return 0 if wall["ratio_to_ceiling"] >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
