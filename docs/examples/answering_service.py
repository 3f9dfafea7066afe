"""A service of your own over one warm deployment: ``uvicorn answering_service:app``.

The workspace opens once: embedder, connections and word counts stay in memory, so a question costs its searches
and nothing else. What may be seen comes from the deployment's settings; a caller's filter can only narrow it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from wellread.answering.files.answer_rows import answer_row_as_dict, passage_as_dict
from wellread.errors import WellreadError
from wellread.filter_json import from_json
from wellread.retrieval.async_retriever import AsyncRetriever
from wellread.workspace import Workspace
from wellread.workspace.questions import ask


class Asked(BaseModel):
    """What a caller sends."""

    question: str
    filter: dict[str, Any] | None = None
    k: int = Field(default=10, ge=1, le=50)


@asynccontextmanager
async def warm(app: FastAPI) -> AsyncIterator[None]:
    """Open the deployment for as long as the service runs."""
    with Workspace.open() as workspace:
        async with AsyncRetriever(workspace.retriever, concurrency=8) as retriever:
            app.state.workspace, app.state.retriever = workspace, retriever
            yield


app = FastAPI(lifespan=warm)


@app.exception_handler(WellreadError)
async def refused(_request: Request, error: WellreadError) -> JSONResponse:
    """A typed error says itself whether the caller may try again."""
    return JSONResponse(error.as_dict(), status_code=503 if error.retryable else 422)


@app.post("/passages")
async def passages(asked: Asked, request: Request) -> list[dict[str, Any]]:
    """Passages for a question, best first."""
    state = request.app.state
    found = await state.retriever.retrieve(
        asked.question,
        collection=state.workspace.settings.collection,
        scope=state.workspace.scope(),
        filter=None if asked.filter is None else from_json(asked.filter),
        k=asked.k,
    )
    return [passage_as_dict(passage) for passage in found.passages]


@app.post("/answers")
async def answers(asked: Asked, request: Request) -> dict[str, Any]:
    """An answer with checked quotes, or why there is none."""
    return answer_row_as_dict(await asyncio.to_thread(ask, request.app.state.workspace, asked.question))
