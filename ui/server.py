"""The process: FastAPI with our routes, Gradio mounted on it, uvicorn around it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from .config import AppConfig, default_data_dir
from .housekeeping import Housekeeping
from .kiosk import warm_up
from .limits import BodyLimit
from .login import Login, read_accounts
from .logs import set_up_logs
from .metrics import Watch
from .resuming import resume_jobs
from .workspace import Workspace


def create_app(config: AppConfig) -> FastAPI:
    """The whole app, ready to be served."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import gradio as gr

    from .page import build_page, page_head, page_theme
    from .routes import add_routes

    workspace = Workspace(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if config.kiosk:
            warm_up(workspace)
        housekeeping = Housekeeping(workspace)
        housekeeping.start()
        resume_jobs(workspace)
        yield
        housekeeping.stop()
        workspace.close()

    app = FastAPI(title="ssldiff", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.workspace = workspace
    add_routes(app, workspace)
    if config.accounts or config.proxy_header:
        app.add_middleware(Login, accounts=config.accounts, proxy_header=config.proxy_header)
    app.add_middleware(BodyLimit, max_upload_bytes=config.max_upload_bytes)
    app.add_middleware(Watch, metrics=workspace.metrics)
    gr.mount_gradio_app(
        app, build_page(workspace), path="/", ssr_mode=False, footer_links=[], run_history=False,
        theme=page_theme(), head=page_head(), pwa=False, enable_monitoring=False, mcp_server=False, show_error=False,
        max_file_size="1mb",
    )  # fmt: skip
    return app


def serve(
    host: str = "127.0.0.1", port: int = 7860, root: str | Path | None = None, data_dir: str | Path | None = None,
    max_upload_gib: float = 8.0, auth: str | None = None, proxy_header: str = "", kiosk: bool = False,
    kiosk_idle_s: float = 90.0, keep_source_names: bool = False, quota_gib: float = 0.0, max_users: int = 400,
    log_format: str = "text",
) -> None:  # fmt: skip
    """Serve the app until it is stopped.

    Args:
        host: address to listen on; the default is reached from this machine only.
        port: port to listen on.
        root: folder whose scenes are listed for opening.
        data_dir: folder for documents, results and uploads; the user's own data folder by default.
        max_upload_gib: largest upload, in GiB.
        auth: ``name:password``, or a file with one such line for each user; None asks for no login.
        proxy_header: header in which a proxy in front names the user; instead of ``auth``.
        kiosk: a stage: warmed up, no uploads, a gallery while nobody touches it, everything anew after a while.
        kiosk_idle_s: seconds without a touch after which a stage begins anew.
        keep_source_names: let exports and documents carry the names of the files that scenes came from.
        quota_gib: what results may take on disk before the oldest are removed; 0 for no limit.
        max_users: pages that may be open at once.
        log_format: ``text``, or ``json`` for one object a line.

    Raises:
        SettingsError: where a folder or an account cannot be used.
    """
    import uvicorn

    config = AppConfig(
        root=None if root is None else Path(root),
        data_dir=default_data_dir() if data_dir is None else Path(data_dir),
        max_upload_bytes=int(max_upload_gib * 2**30),
        accounts={} if auth is None else read_accounts(auth),
        proxy_header=proxy_header,
        kiosk=kiosk,
        kiosk_idle_s=kiosk_idle_s,
        keep_source_names=keep_source_names,
        quota_bytes=int(quota_gib * 2**30),
        max_sockets=max_users,
    )
    set_up_logs(config, log_format)
    app = create_app(config)
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host
    print(f"ssldiff is ready: open http://{shown}:{port} in a browser. Ctrl+C stops it.", flush=True)
    uvicorn.run(
        app, host=host, port=port, log_config=None, access_log=False, ws_max_size=8 << 20, timeout_graceful_shutdown=3
    )
