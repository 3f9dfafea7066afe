"""Answer the board's questions again whenever documents have changed."""

from airflow.sdk import dag

from wellread_airflow.assets import collection_asset
from wellread_airflow.operators import AnswerQuestionsOperator


@dag(schedule=collection_asset("Documents"), catchup=False)
def board_questions() -> None:
    """Runs after every change; the file is replaced as a whole."""
    AnswerQuestionsOperator(task_id="answer", questions="/data/board.csv", answers="/data/answers.xlsx")


board_questions()
