"""The server's log: one line for a person, or one JSON object a line for a machine, without names of scene files."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from .config import AppConfig

FIELDS = ("method", "route", "status", "ms", "job", "kind", "document", "freed_bytes")
"""What a record may carry beside its text (``extra=``), if it has it."""


class Redacting(logging.Formatter):
    """Texts in which nothing below the given folders is named: a slide's file is called like its patient."""

    def __init__(self, folders: tuple[Path, ...], *, as_json: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._json = as_json
        self._paths = [re.compile(re.escape(f"{folder}") + r"""[/\\][^'"\n]*""") for folder in folders]

    def format(self, record: logging.LogRecord) -> str:
        """One line of text with its traceback, or one JSON object."""
        if not self._json:
            return self._redact(super().format(record))
        body: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname, "logger": record.name, "text": self._redact(record.getMessage()),
        }  # fmt: skip
        body |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            body["error"] = self._redact(self.formatException(record.exc_info))
        return json.dumps(body, ensure_ascii=False, default=str)

    def _redact(self, text: str) -> str:
        for pattern in self._paths:
            text = pattern.sub("<a scene>", text)
        return text


def set_up_logs(config: AppConfig, log_format: str) -> None:
    """Send all logs to the error stream in one format."""
    folders = tuple(folder for folder in (config.root, config.data_dir / "uploads") if folder is not None)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting(() if config.keep_source_names else folders, as_json=log_format == "json"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if log_format == "json" else logging.WARNING)
    for noisy in ("httpx", "httpcore", "PIL", "matplotlib", "asyncio", "multipart"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
