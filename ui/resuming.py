"""Jobs that a server had when it was stopped or killed: the next one asks for them again, under the same ids.

A job's file holds what was asked. Encodings and drawings give the same whenever they are done, so nothing is lost but
time; of several images those that are done already are not drawn again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ssldiff_core.errors import LayoutError, SSLDiffError

from .documents import Document
from .generation import generation_work
from .jobs import Job
from .users import set_current_user
from .wishes import Wish

if TYPE_CHECKING:
    from ssldiff_core.layouts.layout import Layout

    from .workspace import Workspace

log = logging.getLogger(__name__)
Work = Callable[[Job], None]


def drawing_request(layout: Layout, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a drawing needs to be asked for again: the page's values, and the layout as it was."""
    from ssldiff_core.layouts.edits import edit_to_json

    edits = [edit_to_json(edit) for edit in layout.edits]
    return {"values": dict(values), "grid": layout.base.digest, "edits": edits}


def resume_jobs(workspace: Workspace) -> list[Job]:
    """Queue again what was interrupted; what cannot be asked for again stays failed, and says so."""
    resumed = []
    for job in workspace.jobs.interrupted():
        set_current_user(job.owner)
        try:
            resumed.append(workspace.jobs.resume(job, _work_of(workspace, job)))
        except (SSLDiffError, KeyError, TypeError, ValueError):
            log.warning("job %s could not be asked for again", job.id, exc_info=True)
        finally:
            set_current_user("")
    return resumed


def _work_of(workspace: Workspace, job: Job) -> Work:
    from .handlers import encoding_asked
    from .virtual import rest_work, slide_wish

    document = workspace.documents.get(job.document_id)
    if document is None:
        raise LayoutError("go on with a job", "its document is gone")
    if job.kind == "encode":
        return encoding_asked(workspace, document, job.request["payload"])
    layout, wish = _layout_of(document, job.request), Wish.from_values(job.request["values"])
    if job.request.get("rest"):
        return rest_work(workspace, document, layout, slide_wish(job.request["values"]))
    done = sum(record.batch == job.id[:12] for record in document.results)
    left = max(1, wish.count - done)
    settings = replace(wish.settings, seed=wish.settings.seed + min(done, wish.count - 1))
    return generation_work(workspace, document, layout, replace(wish, count=left, settings=settings))


def _layout_of(document: Document, request: Mapping[str, Any]) -> Layout:
    """The layout as it was when the drawing was asked for."""
    from ssldiff_core.layouts.edits import edit_from_json

    layout = document.need_layout()
    if layout.base.digest != request["grid"]:
        raise LayoutError("go on with a drawing", "another region was read since")
    return replace(layout, edits=tuple(edit_from_json(edit) for edit in request["edits"]), undone=())
