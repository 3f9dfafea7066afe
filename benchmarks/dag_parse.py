"""What Airflow pays for parsing the DAG files: ``python -m benchmarks.dag_parse``.

Each file of ``dags/`` is executed in a fresh process that has imported airflow's SDK already, as Airflow's DAG
processor has. Measured are the seconds of the file itself, and which heavy packages it pulled in: none may be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.reporting import load_average, write_results
from benchmarks.serving import forget_settings

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    *("pandas", "weaviate", "openai", "cohere", "unstructured", "great_expectations", "boto3"),
    *("onnxruntime", "sqlalchemy", "numpy"),
)
FORBIDDEN = HEAVY[:7]
REPEATS = 3

_CHILD = """
import json, runpy, sys, time
import airflow.sdk
before = set(sys.modules)
started = time.perf_counter()
used = time.process_time()
runpy.run_path(sys.argv[1], run_name="dag_file")
seconds, used = time.perf_counter() - started, time.process_time() - used
heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps({
    "seconds": seconds,
    "processor_seconds": used,
    "modules": len(set(sys.modules) - before),
    "heavy": [name for name in heavy if name not in before],
    "heavy_by_airflow": [name for name in heavy if name in before],
}))
"""


def parse(path: Path, home: str) -> dict[str, object]:
    """One file in one fresh process."""
    paths = [str(ROOT / "plugins"), str(ROOT / "include"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(path.parent),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD, str(path), json.dumps(HEAVY)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{path.name} cannot be parsed: {done.stderr[-2_000:]}")
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(path: Path, home: str) -> dict[str, object]:
    """Medians over fresh processes; the first fills the caches of compiled modules."""
    parse(path, home)
    runs = [parse(path, home) for _ in range(REPEATS)]
    return {
        "seconds_median": round(median(float(str(run["seconds"])) for run in runs), 3),
        "processor_seconds_median": round(median(float(str(run["processor_seconds"])) for run in runs), 3),
        "modules_count": runs[0]["modules"],
        "heavy_imports": runs[0]["heavy"],
        "imported_by_airflow_itself": runs[0]["heavy_by_airflow"],
    }


def main() -> int:
    """Measure and write ``results/dag_parse.json``; 1 where a DAG file imports what it must not."""
    forget_settings()
    load_before = load_average()
    with tempfile.TemporaryDirectory(prefix="wellread-bench-") as home:
        files = {path.name: measure(path, home) for path in sorted((ROOT / "dags").glob("*.py"))}
    broken = {
        name: found
        for name, file in files.items()
        if isinstance(heavy := file["heavy_imports"], list) and (found := sorted(set(heavy) & set(FORBIDDEN)))
    }
    results = {
        "load_average": [load_before, load_average()],
        "forbidden": list(FORBIDDEN),
        "forbidden_imports_found": broken,
        "files": files,
    }
    path = write_results("dag_parse", results, packages=["apache-airflow"])
    print(path.read_text(encoding="utf-8"))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
