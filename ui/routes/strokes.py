"""The WebSocket of a document: strokes come in, news goes out.

In: ``{"seq": n, "edit": {…}}``. Out: ``{"type": "ack", "seq": n}`` or ``{"type": "error", "seq": n, "error": text}``,
and whatever is published for the document. Without a WebSocket, the page posts edits and asks for the document from
time to time.
"""

from __future__ import annotations

import asyncio
import json
import logging

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool

from ssldiff_core.errors import SSLDiffError

from .. import handlers
from ..document_json import document_to_json
from ..documents import Document
from ..events import Subscription
from ..limits import Rate
from ..workspace import Workspace
from .security import same_origin

log = logging.getLogger(__name__)
MAX_MESSAGE = 4 << 20


def stroke_routes(workspace: Workspace) -> APIRouter:
    router = APIRouter()

    @router.websocket("/documents/{document_id}/live")
    async def live(socket: WebSocket, document_id: str) -> None:
        document = await run_in_threadpool(workspace.documents.get, document_id) if same_origin(socket) else None
        if document is None:
            await socket.close(code=4404)
            return
        try:
            if workspace.metrics.open_socket(1) > workspace.config.max_sockets:
                await socket.close(code=4429)
                return
            await socket.accept()
            await _converse(socket, workspace, document)
        finally:
            workspace.metrics.open_socket(-1)

    return router


async def _converse(socket: WebSocket, workspace: Workspace, document: Document) -> None:
    """Tell a page how the document is, then news out and strokes in until it goes."""
    with workspace.events.subscribe(document.id) as subscription:
        await socket.send_json(await run_in_threadpool(document_to_json, document))
        for job in workspace.jobs.of_document(document.id)[-20:]:
            await socket.send_json(workspace.job_to_json(job))
        sender = asyncio.create_task(_send_news(socket, subscription))
        try:
            await _receive_strokes(socket, workspace, document)
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()


async def _send_news(socket: WebSocket, subscription: Subscription) -> None:
    try:
        while True:
            await socket.send_json(await subscription.next())
    except (WebSocketDisconnect, RuntimeError):
        return


async def _receive_strokes(socket: WebSocket, workspace: Workspace, document: Document) -> None:
    rate = Rate()
    while True:
        text = await socket.receive_text()
        await asyncio.sleep(rate.take())  # what a client sends meanwhile waits on its own side of the wire
        answer = await run_in_threadpool(_answer, workspace, document, text)
        workspace.metrics.count_stroke(answer["type"] == "ack")
        await socket.send_json(answer)


def _answer(workspace: Workspace, document: Document, text: str) -> dict[str, object]:
    """Apply one message; a message that is malformed or does not fit is answered, never fatal."""
    seq = None
    try:
        message = json.loads(text) if len(text) <= MAX_MESSAGE else {}
        seq, edit = message["seq"], message["edit"]
        handlers.apply_edit(workspace, document, edit)
    except SSLDiffError as error:
        return {"type": "error", "seq": seq, "error": str(error)}
    except (ValueError, KeyError, TypeError, AttributeError):
        log.exception("a stroke could not be read")
        return {"type": "error", "seq": seq, "error": "This stroke was not understood."}
    return {"type": "ack", "seq": seq, "version": document.version}
