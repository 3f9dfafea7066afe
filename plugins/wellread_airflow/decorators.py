"""Decorators: a function of yours returns the questions, the task does the rest.

They are registered as ``@task.wellread_answer`` and ``@task.wellread_retrieve``. The questions never go through an
XCom: they are kept as an artifact, whose address is in the result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, determine_kwargs, task_decorator_factory

from wellread.errors import SettingsError
from wellread_airflow.operators.answering import AnswerQuestionsOperator
from wellread_airflow.operators.inputs import questions_of
from wellread_airflow.operators.retrieving import RetrievePassagesOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from wellread.questions import Question
    from wellread.workspace import Workspace

_KIND = "questions"


class _ReturnsQuestions(DecoratedOperator):
    """What both twins share: the questions are what the function returns, or the file that it names."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            kwargs_to_upstream={"questions": []},
            **rest,
        )

    def asked(self, context: Context) -> list[Question]:
        """Call the function. Raises ``SettingsError`` where it returns anything else."""
        named = determine_kwargs(self.python_callable, self.op_args, {**context, **self.op_kwargs})
        returned = self.python_callable(*self.op_args, **named)
        if not isinstance(returned, str | Sequence):
            raise SettingsError(
                f"ask the questions of {self.python_callable.__name__}",
                found=f"it returned a {type(returned).__name__}",
                remedy="Return a list of texts, a list of mappings with 'question', or the path of a file.",
            )
        return questions_of(returned, what=f"what {self.python_callable.__name__} returned")


def _kept(workspace: Workspace, questions: Sequence[Question]) -> str:
    """Where the questions of the function are kept."""
    lines = [
        json.dumps({"id": one.id, "question": one.text, **one.columns}, ensure_ascii=False) for one in questions
    ]
    return workspace.artifacts.uri(
        workspace.artifacts.put(_KIND, ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass"))
    )


class AnswerDecoratedOperator(_ReturnsQuestions, AnswerQuestionsOperator):
    """``@task.wellread_answer(answers=...)``."""

    custom_operator_name = "@task.wellread_answer"
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in AnswerQuestionsOperator.template_fields if name != "questions"),
    )

    def work(self, workspace: Workspace, context: Context) -> dict[str, Any]:
        """Answer what the function asks."""
        self.questions = [
            {"id": one.id, "question": one.text, **one.columns} for one in _ReturnsQuestions.asked(self, context)
        ]
        asked_at = _kept(workspace, questions_of(self.questions))
        return {**super().work(workspace, context), "asked": asked_at}


class RetrieveDecoratedOperator(_ReturnsQuestions, RetrievePassagesOperator):
    """``@task.wellread_retrieve(passages=...)``."""

    custom_operator_name = "@task.wellread_retrieve"
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in RetrievePassagesOperator.template_fields if name != "questions"),
    )


def wellread_answer_task(python_callable: Callable[..., Any] | None = None, **options: Any) -> TaskDecorator:
    """Answer the questions that the function returns; ``options`` are those of ``AnswerQuestionsOperator``."""
    return _twin(python_callable, AnswerDecoratedOperator, options)


def wellread_retrieve_task(python_callable: Callable[..., Any] | None = None, **options: Any) -> TaskDecorator:
    """Retrieve for the questions that the function returns; ``options``: those of ``RetrievePassagesOperator``."""
    return _twin(python_callable, RetrieveDecoratedOperator, options)


def _twin(
    python_callable: Callable[..., Any] | None, operator: type[_ReturnsQuestions], options: dict[str, Any]
) -> TaskDecorator:
    """Each value of the result is an XCom of its own, as with the operators, unless the options say otherwise."""
    options.setdefault("multiple_outputs", True)
    return task_decorator_factory(python_callable=python_callable, decorated_operator_class=operator, **options)
