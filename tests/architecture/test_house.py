"""The house rules that no linter knows: sizes, names, folders, and what a DAG file may cost."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Module

MODULE_LINES, FUNCTION_LINES, DAG_FILE_LINES = 400, 40, 79
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "tools", "stuff"}
HEAVY = {
    "boto3",
    "botocore",
    "cohere",
    "great_expectations",
    "onnxruntime",
    "openai",
    "pandas",
    "tokenizers",
    "unstructured",
    "weaviate",
}
# Stems that Python or a tool prescribes, or that collide with nothing but a deprecated or private module.
PRESCRIBED_STEMS = {"__init__", "__main__", "conftest", "env"}
IMPORT_PROBE = """
import json, runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="probe")
print("PROBE" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _functions(module: Module) -> Iterable[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_module_is_longer_than_it_can_be_read(code: tuple[Module, ...], tests: tuple[Module, ...]) -> None:
    lengths = {str(module): len(module.text.splitlines()) for module in (*code, *tests)}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen(code: tuple[Module, ...]) -> None:
    lengths = {
        f"{module}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for module in code
        for function in _functions(module)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def test_no_module_or_folder_has_a_name_that_says_nothing(code: tuple[Module, ...], root: Path) -> None:
    names = {(str(module), part) for module in code for part in module.path.relative_to(root).with_suffix("").parts}
    assert sorted(name for name, part in names if part in FORBIDDEN_NAMES) == []


def test_no_module_has_the_name_of_an_importable_package(code: tuple[Module, ...], root: Path) -> None:
    """Airflow runs plugin files under their bare stem, and a script's own folder comes first on the path."""
    own = {"wellread", "wellread_airflow"}
    clashes = []
    for module in code:
        stem = module.path.stem
        if stem in PRESCRIBED_STEMS or module.path.is_relative_to(root / "dags"):
            continue
        is_importable = stem in sys.stdlib_module_names or importlib.util.find_spec(stem) is not None
        if is_importable and stem not in own:
            clashes.append(str(module))
    assert clashes == []


def test_airflow_executes_no_file_of_the_plugins_folder(root: Path) -> None:
    assert (root / "plugins" / ".airflowignore").read_text().split() == ["*"]


def test_the_path_folders_are_no_packages(root: Path) -> None:
    for folder in ("include", "plugins", "dags"):
        assert not (root / folder / "__init__.py").exists()


def test_every_package_says_what_it_is(code: tuple[Module, ...]) -> None:
    undocumented = [str(m) for m in code if m.path.name == "__init__.py" and not ast.get_docstring(m.tree)]
    assert undocumented == []


def test_no_function_is_a_stub(code: tuple[Module, ...]) -> None:
    stubs = [
        f"{module}:{node.lineno}"
        for module in code
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc)
    ]
    assert stubs == []


def test_dag_files_are_short(dag_files: tuple[Module, ...]) -> None:
    lengths = {str(module): len(module.text.splitlines()) for module in dag_files}
    assert {name: lines for name, lines in lengths.items() if lines > DAG_FILE_LINES} == {}


def test_parsing_the_dag_files_imports_nothing_heavy(
    dag_files: tuple[Module, ...], root: Path, tmp_path: Path
) -> None:
    assert dag_files, "a suite without DAG files proves nothing about them"
    command = [sys.executable, "-c", IMPORT_PROBE, *(str(module.path) for module in dag_files)]
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(root / "dags")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout.partition("PROBE")[2]))
    assert imported & HEAVY == set()


def test_the_import_contracts_are_kept(root: Path) -> None:
    """Rooms import downwards only, and the library does not know Airflow ([tool.importlinter])."""
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stdout[-3000:]
