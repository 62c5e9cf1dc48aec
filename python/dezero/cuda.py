"""Which array library holds the numbers.

Variables live on the CPU and hand out NumPy arrays, so ``gpu_enable`` is ``False`` and scripts that ask
before they move anything (``if dezero.cuda.gpu_enable: model.to_gpu()``) run as they are.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

import numpy as np
from dezero.core import Variable

gpu_enable: bool = False


def get_array_module(x: Any) -> ModuleType:
    """The module whose functions work on the elements of ``x``: always ``numpy``."""
    return np


def as_numpy(x: Any) -> np.ndarray:
    """``x`` (a variable, an array, a number or anything that NumPy understands) as a NumPy array.

    An array is returned as it is, without a copy.
    """
    if isinstance(x, Variable):
        x = x.data
    return x if isinstance(x, np.ndarray) else np.asarray(x)


def as_cupy(x: Any) -> NoReturn:
    """Raises ``RuntimeError``: there are no CuPy arrays here."""
    raise RuntimeError(
        "as_cupy: this build of dezero computes on the CPU and has no CuPy arrays; "
        "ask dezero.cuda.gpu_enable before moving anything to a GPU"
    )
