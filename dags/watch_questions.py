"""The Airflow DAG ``watch_questions``: each file of questions that is dropped into a folder is answered once."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_watch_questions_dag

watch_questions = build_watch_questions_dag()
