"""What is done to an example before it reaches a batch: of PIL images first, of NumPy arrays after.

Pillow is imported by the transforms that need it, when they run.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Callable, Sequence

import numpy as np

from dezero.utils import pair


def _pil_image() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("this transform works on PIL images: install Pillow (pip install pillow)") from error
    return Image


class Compose:
    """Applies ``transforms`` one after another; without any, the example passes as it is."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]] = []):  # never changed here
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms or ():
            img = transform(img)
        return img


# --- of PIL images ---


class Convert:
    """Converts an image to ``mode``: one of Pillow's, or ``'BGR'`` (held in an image that calls itself RGB)."""

    def __init__(self, mode: str = "RGB"):
        self.mode = mode

    def __call__(self, img: Any) -> Any:
        if self.mode != "BGR":
            return img.convert(self.mode)
        red, green, blue = img.convert("RGB").split()
        return _pil_image().merge("RGB", (blue, green, red))


class Resize:
    """Resizes an image to ``size``: the side of a square, or ``(width, height)``.

    ``mode`` is Pillow's way to interpolate; 2 is bilinear.
    """

    def __init__(self, size: int | tuple[int, int], mode: int = 2):
        self.size = pair(size)
        self.mode = mode

    def __call__(self, img: Any) -> Any:
        return img.resize(self.size, self.mode)


class CenterCrop:
    """Cuts ``size`` (the side of a square, or ``(width, height)``) out of the middle of an image."""

    def __init__(self, size: int | tuple[int, int]):
        self.size = pair(size)

    def __call__(self, img: Any) -> Any:
        width, height = img.size
        out_width, out_height = self.size
        left, top = (width - out_width) // 2, (height - out_height) // 2
        return img.crop((left, top, left + out_width, top + out_height))


class ToArray:
    """An image of size (W, H) as an array of shape (C, H, W) with C = 1 for grey. Arrays pass as they are."""

    def __init__(self, dtype: Any = np.float32):
        self.dtype = dtype

    def __call__(self, img: Any) -> np.ndarray:
        if isinstance(img, np.ndarray):
            return img
        if not isinstance(img, _pil_image().Image):
            raise TypeError(f"ToArray: expected a PIL image or an ndarray, got {type(img)}")
        array = np.asarray(img)
        array = array[np.newaxis] if array.ndim == 2 else array.transpose(2, 0, 1)
        return array.astype(self.dtype)


class ToPIL:
    """An array of shape (C, H, W), or (1, H, W) for grey, with ``uint8`` elements as an image."""

    def __call__(self, array: np.ndarray) -> Any:
        data = array.transpose(1, 2, 0)
        return _pil_image().fromarray(data[:, :, 0] if data.shape[2] == 1 else data)


class RandomHorizontalFlip:
    """Mirrors an image, or an array of shape (..., W), from left to right every other time.

    Draws one number from NumPy's global generator for each example.
    """

    def __call__(self, img: Any) -> Any:
        if np.random.rand() >= 0.5:
            return img
        if isinstance(img, np.ndarray):
            return img[..., ::-1]
        return img.transpose(_pil_image().FLIP_LEFT_RIGHT)


# --- of NumPy arrays ---


class Normalize:
    """``(array - mean) / std``, each a number, or a sequence with one number for each channel (axis 0)."""

    def __init__(self, mean: float | Sequence[float] = 0, std: float | Sequence[float] = 1):
        self.mean = mean
        self.std = std

    def __call__(self, array: np.ndarray) -> np.ndarray:
        return (array - _by_channel(self.mean, array)) / _by_channel(self.std, array)


def _by_channel(value: float | Sequence[float], array: np.ndarray) -> Any:
    if np.isscalar(value):
        return value
    dtype = array.dtype if array.dtype.kind in "fc" else np.result_type(array.dtype, np.float32)
    values = np.array(value, dtype=dtype).ravel()
    return values.reshape((-1,) + (1,) * (array.ndim - 1))


class Flatten:
    """All elements of an array in one dimension, in row order, as a copy."""

    def __call__(self, array: np.ndarray) -> np.ndarray:
        return array.flatten()


class AsType:
    """Converts the elements of an array to ``dtype``."""

    def __init__(self, dtype: Any = np.float32):
        self.dtype = dtype

    def __call__(self, array: np.ndarray) -> np.ndarray:
        return array.astype(self.dtype)


ToFloat = AsType


class ToInt(AsType):
    """Converts the elements of an array to integers."""

    def __init__(self, dtype: Any = int):
        super().__init__(dtype)
