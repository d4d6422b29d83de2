"""The classifier under study: an ONNX model that is run here, or a table of what it said elsewhere."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...errors import ModelError, SettingsError

_BATCH = 32


class Predictor(Protocol):
    """What tells classes."""

    classes: tuple[str, ...]

    def scores(self, folder: Path, files: Sequence[str]) -> NDArray[np.float64]:
        """(n, classes) probabilities of images, by their paths below a folder."""


class OnnxPredictor:
    """A classifier in an ``.onnx`` file, on the CPU.

    Its input is (n, 3, h, w) or (n, h, w, 3), float or uint8; images are resized to it. Its first output is (n,
    classes) logits or probabilities, or (n, 1) or (n,) of the second of two classes.

    Args:
        path: of the file.
        mean, std: of the RGB channels in [0, 1] that float pixels are normalised by.
        size_px: side of the input where the model leaves it open.
        classes: names; ``0``, ``1`` … where none are given.

    Raises:
        ModelError: where the file is no such model, or ``onnxruntime`` is not installed.
    """

    def __init__(
        self, path: Path, mean: Sequence[float] = (0.485, 0.456, 0.406), std: Sequence[float] = (0.229, 0.224, 0.225),
        size_px: int = 224, classes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        asked = f"study the predictor {path}"
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                asked, "onnxruntime is not installed", "", "Install ssldiff[predictors], or give --predictions"
            ) from error
        if not path.is_file():
            raise ModelError(asked, "there is no such file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # images come one batch after the other; the machine is shared
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime raises classes of its own for whatever is wrong with a file
            raise ModelError(asked, f"it is no model that can be run: {error}") from error
        self._mean, self._std = (np.array(values, np.float32) for values in (mean, std))
        self._input, shape = self._session.get_inputs()[0], self._session.get_inputs()[0].shape
        channels = [axis for axis in (1, 3) if len(shape) == 4 and shape[axis] == 3]
        if not channels:
            raise ModelError(asked, f"its input is {shape}", "an input is (n, 3, h, w) or (n, h, w, 3)")
        self._last = channels[0] == 3
        sides = shape[1:3] if self._last else shape[2:4]
        self._size = (sides[0], sides[1]) if all(isinstance(side, int) for side in sides) else (size_px, size_px)
        self._fixed = shape[0] if isinstance(shape[0], int) else 0
        self.classes = tuple(classes)

    def scores(self, folder: Path, files: Sequence[str]) -> NDArray[np.float64]:
        """(n, classes) probabilities.

        Raises:
            ModelError: where the output is of another shape, or the names are not as many as its classes.
        """
        batch = self._fixed or _BATCH
        parts = []
        for start in range(0, len(files), batch):
            pixels = np.stack([self._read(folder / file) for file in files[start : start + batch]])
            missing = self._fixed - len(pixels)
            padded = np.concatenate([pixels, pixels[-1:].repeat(missing, axis=0)]) if missing > 0 else pixels
            output = np.asarray(self._session.run(None, {self._input.name: padded})[0], dtype=np.float64)
            parts.append(_probabilities(output)[: len(pixels)])
        found = np.concatenate(parts)
        self.classes = self.classes or tuple(str(number) for number in range(found.shape[1]))
        if len(self.classes) != found.shape[1]:
            raise ModelError("study a predictor", f"it tells {found.shape[1]} classes, {len(self.classes)} are named")
        return found

    def _read(self, path: Path) -> NDArray[Any]:
        with Image.open(path) as image:
            resized = image.convert("RGB").resize((self._size[1], self._size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(resized)
        if self._input.type == "tensor(uint8)":
            return pixels if self._last else pixels.transpose(2, 0, 1)
        scaled = ((pixels.astype(np.float32) / 255.0) - self._mean) / self._std
        return scaled if self._last else np.ascontiguousarray(scaled.transpose(2, 0, 1))


def _probabilities(output: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits or probabilities (n, classes), (n, 1) or (n,) -> probabilities (n, classes ≥ 2)."""
    table = output.reshape(len(output), -1)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ModelError("study a predictor", f"its output is {output.shape} or not finite", "it is (n, classes)")
    if table.shape[1] == 1:
        second = table if ((table >= 0) & (table <= 1)).all() else 1.0 / (1.0 + np.exp(-table))
        return np.concatenate([1.0 - second, second], axis=1)
    if (table >= 0).all() and np.allclose(table.sum(axis=1), 1.0, atol=1e-3):
        return table
    shifted = np.exp(table - table.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


class PredictionTable:
    """What a classifier said of the versions, in a ``.csv`` with the column file and one column of scores a class.

    Args:
        path: of the table; files are named as in ``versions.csv``, or by absolute paths.

    Raises:
        SettingsError: where a column is missing or no number.
    """

    def __init__(self, path: Path) -> None:
        asked = f"read the predictions {path}"
        try:
            with path.open(newline="", encoding="utf-8-sig") as stream:
                rows = list(csv.DictReader(stream))
        except OSError as error:
            raise SettingsError(asked, f"it cannot be read: {error.strerror or error}") from error
        columns = [name for name in (rows[0] if rows else {}) if name != "file"]
        if not columns or "file" not in rows[0]:
            raise SettingsError(
                asked, "it lacks columns", "a table has the column file and one of scores for each class"
            )
        try:
            table = {row["file"].replace("\\", "/"): [float(row[name]) for name in columns] for row in rows}
        except (TypeError, ValueError) as error:
            raise SettingsError(asked, f"a score is no number: {error}", "scores are numbers") from error
        self._path, self._table = path, table
        self.classes = tuple(columns) if len(columns) > 1 else (f"not {columns[0]}", columns[0])

    def scores(self, folder: Path, files: Sequence[str]) -> NDArray[np.float64]:
        """(n, classes) probabilities.

        Raises:
            SettingsError: where an image is missing, naming it.
        """
        missing = [file for file in files if file not in self._table and str(folder / file) not in self._table]
        if missing:
            raise SettingsError(
                f"use the predictions {self._path}", f"they lack {len(missing)} images, such as {missing[0]}",
                "every file of versions.csv is predicted",
            )  # fmt: skip
        found = [self._table.get(file) or self._table[str(folder / file)] for file in files]
        return _probabilities(np.array(found))
