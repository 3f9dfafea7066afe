"""The Airflow DAG ``answer_questions``: a file of questions in, the same rows with answers out."""

from __future__ import annotations

from wellread_airflow.dag_builders import build_answer_questions_dag

answer_questions = build_answer_questions_dag()
