"""Keep the board's answers true: planned, priced, reviewed and published again whenever documents have changed."""

from wellread_airflow.assets import collection_asset
from wellread_airflow.dag_builders import build_answer_questions_dag

board_answers = build_answer_questions_dag(
    "board_answers",
    schedule=collection_asset("Documents"),
    questions="/data/board.csv",
    answers="/data/board-answers.parquet",
    job_name="board",
    reviewed=True,
)
