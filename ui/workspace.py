"""Everything a running app holds, made once and handed to the page, the routes and the handlers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .annotating import ReadAnnotations
from .clipboard import Clipboard
from .config import AppConfig
from .document_json import document_to_json, layout_to_json
from .document_store import DocumentStore
from .documents import Document
from .events import Events
from .following import Followers
from .jobs import Job, JobQueue
from .library import SceneLibrary
from .metrics import Metrics
from .open_scenes import OpenScenes
from .palette_store import PaletteStore
from .previewing import SwatchPreviews
from .projecting import Projections
from .runs import KeptRuns
from .slide_tiles import SlideTiles
from .tiles import TileServer
from .virtual import Slides

if TYPE_CHECKING:
    from ssldiff_core.embeddings.encoder import PatchEncoder
    from ssldiff_core.models.catalogue import Model, ModelSpec


class Workspace:
    """Library, documents, jobs, tiles, events, and the networks in use."""

    def __init__(self, config: AppConfig) -> None:
        self.config = config
        self.library = SceneLibrary(config, lambda key: self.documents.get(key) is not None)
        self.tiles = TileServer(OpenScenes())
        self.documents = DocumentStore(config.data_dir / "documents")
        self.followers = Followers()
        self.slides = Slides(SlideTiles(config.data_dir / "documents"))
        self.runs = KeptRuns(config.data_dir / "documents")
        self.palettes = PaletteStore(config.data_dir / "palettes")
        self.clipboard, self.previews = Clipboard(), SwatchPreviews()
        self.annotations, self.projections = ReadAnnotations(), Projections()
        self.events, self.metrics = Events(), Metrics()
        self.jobs = JobQueue(config.data_dir / "jobs", self._job_changed)
        self._loading = threading.Lock()
        self._encoder: tuple[ModelSpec, PatchEncoder] | None = None

    def models(self) -> list[ModelSpec]:
        """The models whose weights are here."""
        from ssldiff_core.models.catalogue import list_models

        return list_models()

    def model(self, model_id: str) -> Model:
        """A loaded model; loading remembers."""
        from ssldiff_core.models.catalogue import load_model

        with self._loading:
            return load_model(model_id)

    def encoder(self, spec: ModelSpec) -> PatchEncoder:
        """The loaded patch encoder of a model; the last one used stays loaded."""
        from ssldiff_core.embeddings.encoder import load_patch_encoder
        from ssldiff_core.models.families import get_family
        from ssldiff_core.models.placement import choose_device, choose_dtype

        with self._loading:
            if self._encoder is None or self._encoder[0] != spec:
                beside = (spec.folder / "encoder.json").is_file()
                source = spec.folder if beside else spec.encoder_id
                device = choose_device()
                dtype = choose_dtype(device, get_family(spec.family).auto_precision)
                encoder = load_patch_encoder(
                    source, str(device), patch_px=spec.cell_px, precision=str(dtype).removeprefix("torch.")
                )
                self._encoder = (spec, encoder)
            return self._encoder[1]

    def publish_document(self, document: Document) -> None:
        """Tell all pages of a document how it is now."""
        self.events.publish(document.id, document_to_json(document))

    def publish_layout(self, document: Document) -> None:
        """Tell all pages of a document what a stroke changed."""
        self.events.publish(document.id, layout_to_json(document))

    def job_to_json(self, job: Job) -> dict[str, object]:
        return {"type": "job", "job": {**job.to_json(), "before": self.jobs.waiting_before(job) if job.active else 0}}

    def close(self) -> None:
        """Save what is unsaved; jobs that run are kept for the next start."""
        self.jobs.close()
        self.documents.close()

    def _job_changed(self, job: Job) -> None:
        self.events.publish(job.document_id, self.job_to_json(job))
