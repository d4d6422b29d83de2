"""3×3 convolutions in float32 on a processor by Winograd's minimal filtering, F(4×4, 3×3).

A quarter of the multiplications of the direct way (Lavin and Gray 2015, arXiv 1509.09308), in matrix products that any
BLAS does well. It is for inference where bfloat16 is not fast, which is most processors: there a network's time is
that of its 3×3 convolutions. What comes out differs from the direct way by rounding, about 1e-5 of the largest value.
"""

from __future__ import annotations

import torch
from torch import Tensor

TILE = 4
"""Side of the square of outputs that one square of inputs gives."""
POINTS = TILE + 2
"""Side of that square of inputs, and of its transform."""
WORKING_SET = 4 * 2**20
"""Bytes of transformed inputs at a time, about a processor's cache."""


def transform_weights(weight: Tensor) -> Tensor:
    """Weights (out, in, 3, 3) float32 -> (36, in, out), what :func:`convolve` multiplies by."""
    rows = weight.new_tensor(
        [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
         [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]], dtype=torch.float64,
    )  # fmt: skip
    turned = torch.einsum("ai,bj,kcij->abck", rows, rows, weight.double())
    return turned.reshape(POINTS * POINTS, *turned.shape[2:]).to(weight.dtype).contiguous()


def convolve(padded: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """A 3×3 convolution of an image that has its margin of one position.

    Args:
        padded: (n, in, h + 2, w + 2) float32.
        weights: (36, in, out) of :func:`transform_weights`.
        bias: (out,).

    Returns:
        (n, out, h, w) float32, channels last in memory.
    """
    count, channels, height, width = padded.shape[0], padded.shape[1], padded.shape[2] - 2, padded.shape[3] - 2
    down, across = -(-height // TILE), -(-width // TILE)
    image = _whole_tiles(padded.permute(0, 2, 3, 1), TILE * down + 2, TILE * across + 2)
    out = padded.new_empty(count, TILE * down, TILE * across, weights.shape[2])
    strip = max(1, WORKING_SET // (4 * POINTS * POINTS * across * channels))
    for index in range(count):
        for top in range(0, down, strip):
            rows = min(strip, down - top)
            part = image[index, TILE * top : TILE * (top + rows) + 2]
            target = out[index, TILE * top : TILE * (top + rows)]
            _convolve_strip(part, weights, bias, target.view(rows, TILE, across, TILE, -1))
    return out[:, :height, :width].permute(0, 3, 1, 2)


def _whole_tiles(image: Tensor, height: int, width: int) -> Tensor:
    """(n, h, w, c), contiguous, with zeros after its end so that tiles fill it."""
    if image.shape[1:3] == (height, width):
        return image.contiguous()
    larger = image.new_zeros(image.shape[0], height, width, image.shape[3])
    larger[:, : image.shape[1], : image.shape[2]] = image
    return larger


def _convolve_strip(image: Tensor, weights: Tensor, bias: Tensor, out: Tensor) -> None:
    """Rows of tiles: (4 rows + 2, 4 across + 2, in) into (rows, 4, across, 4, out)."""
    rows, across, channels = out.shape[0], out.shape[2], image.shape[2]
    vertical = image.new_empty(POINTS, rows, image.shape[1], channels)
    _forward([image[at : at + TILE * (rows - 1) + 1 : TILE] for at in range(POINTS)], list(vertical))
    both = image.new_empty(POINTS, POINTS, rows, across, channels)
    _forward(
        [vertical[:, :, at : at + TILE * (across - 1) + 1 : TILE] for at in range(POINTS)], list(both.unbind(1))
    )  # fmt: skip
    product = torch.bmm(both.view(POINTS * POINTS, rows * across, channels), weights)
    product = product.view(POINTS, POINTS, rows, across, -1)
    product[1, 1] += bias  # the point 1 goes to all outputs alike
    halfway = image.new_empty(TILE, *product.shape[1:])
    _backward(list(product), list(halfway))
    _backward(list(halfway.unbind(1)), [out[:, :, :, at].transpose(0, 1) for at in range(TILE)])


def _forward(d: list[Tensor], t: list[Tensor]) -> None:
    """Six inputs along one axis into their transform."""
    even, odd = torch.sub(d[4], d[2], alpha=4), torch.sub(d[3], d[1], alpha=4)
    torch.add(even, odd, out=t[1])
    torch.sub(even, odd, out=t[2])
    torch.sub(d[4], d[2], out=even)
    torch.sub(d[3], d[1], out=odd)
    torch.add(even, odd, alpha=2, out=t[3])
    torch.sub(even, odd, alpha=2, out=t[4])
    torch.add(torch.sub(d[4], d[2], alpha=5, out=even), d[0], alpha=4, out=t[0])
    torch.add(torch.sub(d[5], d[3], alpha=5, out=even), d[1], alpha=4, out=t[5])


def _backward(m: list[Tensor], y: list[Tensor]) -> None:
    """Six products along one axis into four outputs."""
    near, far = m[1] + m[2], m[3] + m[4]
    torch.add(near, far, alpha=4, out=y[2])
    torch.add(near.add_(m[0]), far, out=y[0])
    torch.sub(m[1], m[2], out=near)
    torch.sub(m[3], m[4], out=far)
    torch.add(near, far, alpha=2, out=y[1])
    torch.add(near.add_(m[5]), far, alpha=8, out=y[3])
