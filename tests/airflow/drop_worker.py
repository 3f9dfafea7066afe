"""One run of the drop folder's tasks in a process of its own: ``drop_worker.py FOLDER RUN_ID``."""

from __future__ import annotations

import json
import sys

from airflow.sdk.exceptions import AirflowSkipException
from paid import context_of

from wellread_airflow.operators import AnswerQuestionFileOperator, ClaimQuestionFilesOperator


def main(folder: str, run_id: str) -> None:
    """Claim, then answer each; what was answered goes to standard output."""
    claim = ClaimQuestionFilesOperator(task_id="claim_files", folder=folder, settle_seconds=0)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    answered = []
    for name in claim.execute(context_of(run_id, "claim_files")):
        operator = AnswerQuestionFileOperator(task_id="answer_file", folder=folder, name=name)
        try:
            operator.execute(context_of(run_id, "answer_file"))
        except AirflowSkipException:
            continue
        answered.append(name)
    sys.stdout.write(json.dumps(answered) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
