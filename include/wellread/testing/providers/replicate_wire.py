"""Replicate's predictions: a prompt in, a list of pieces of text out, at once or by asking again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from wellread.testing.providers.problems import RefusedError
from wellread.testing.providers.prompt_reading import Turn
from wellread.testing.providers.work import Body, ChatCall, Reply, Scene, Work, chat_work

_PIECE_CHARS = 24
_KEPT_PREDICTIONS = 10_000


class Predictions:
    """Predictions that were made, for those who ask again. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def keep(self, prediction: dict[str, Any], *, url: str, is_waited_for: bool) -> dict[str, Any]:
        """Keep a finished prediction and show what its creator sees: all of it, or that it has started."""
        with self._lock:
            self._made[prediction["id"]] = prediction
            if len(self._made) > _KEPT_PREDICTIONS:
                self._made.popitem(last=False)
        prediction["urls"] = {"get": f"{url}/{prediction['id']}", "cancel": f"{url}/{prediction['id']}/cancel"}
        if is_waited_for:
            return prediction
        return {**prediction, "status": "starting", "output": None, "metrics": {}}

    def get(self, prediction_id: str) -> dict[str, Any]:
        """A finished prediction. Raises ``RefusedError``."""
        with self._lock:
            found = self._made.get(prediction_id)
        if found is None:
            raise RefusedError("The requested resource could not be found.", status=404, code="Not found")
        return found


def prepare_prediction(body: Body, scene: Scene) -> Work:
    """The work of ``POST .../predictions``."""
    given = body.get("input")
    if not isinstance(given, Mapping) or not isinstance(given.get("prompt"), str):
        raise RefusedError("input.prompt is required", status=422, code="Input validation failed")
    model = scene.path_model or str(body.get("version", ""))
    if not model:
        raise RefusedError("version is required", status=422, code="Input validation failed")
    system = given.get("system_prompt")
    turns = (*((Turn("system", str(system)),) if system else ()), Turn("user", given["prompt"]))
    asked = given.get("max_tokens") or given.get("max_new_tokens") or given.get("max_output_tokens")
    call = ChatCall("replicate", "replicate", model, turns, output_tokens=asked)

    def write(call: ChatCall, reply: Reply) -> dict[str, Any]:
        return _prediction(call, reply, given)

    return chat_work(call, given, scene, write)


def _prediction(call: ChatCall, reply: Reply, given: Mapping[str, Any]) -> dict[str, Any]:
    text = "" if reply.is_empty else reply.text
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    is_refused = reply.finish == "refused"
    return {
        "id": reply.key[:26],
        "model": call.model,
        "version": "hidden",
        "input": dict(given),
        "logs": "",
        "output": None
        if is_refused
        else [text[at : at + _PIECE_CHARS] for at in range(0, len(text), _PIECE_CHARS)],
        "error": reply.text if is_refused else None,
        "status": "failed" if is_refused else "succeeded",
        "created_at": now,
        "started_at": now,
        "completed_at": now,
        "metrics": {
            "predict_time": 0.0,
            "input_token_count": reply.input_tokens,
            "output_token_count": reply.output_tokens,
        },
    }
