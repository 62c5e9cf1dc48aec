"""Batches of a dataset, one after another, as NumPy arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dezero import cuda


class DataLoader:
    """Iterates over ``dataset`` in batches ``(x, t)`` of ``batch_size`` examples; the last may be smaller.

    Each pass over the data is one ``for`` loop. With ``shuffle``, NumPy's global generator orders the
    examples: once at construction and again at the end of every pass.
    """

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = True, gpu: bool = False):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.data_size: int = len(dataset)
        self.max_iter: int = math.ceil(self.data_size / batch_size)
        self.gpu = gpu
        self.reset()

    def reset(self) -> None:
        """Starts again at the first batch, in a new order if the loader shuffles."""
        self.iteration = 0
        self.index = np.random.permutation(self.data_size) if self.shuffle else np.arange(self.data_size)

    def __iter__(self) -> DataLoader:
        return self

    def __next__(self) -> tuple[Any, Any]:
        if self.iteration >= self.max_iter:
            self.reset()
            raise StopIteration
        start = self.iteration * self.batch_size
        return self._batch(self.index[start : start + self.batch_size])

    def next(self) -> tuple[Any, Any]:
        """The next batch, as ``next(loader)`` gives it."""
        return self.__next__()

    def to_cpu(self) -> None:
        """Makes batches of NumPy arrays."""
        self.gpu = False

    def to_gpu(self) -> None:
        """Asks for batches on a GPU; where there is none (``dezero.cuda.gpu_enable``), ``RuntimeError`` follows."""
        self.gpu = True

    def _batch(self, indices: Any) -> tuple[Any, Any]:
        examples = [self.dataset[i] for i in indices]
        x = np.array([example[0] for example in examples])
        t = np.array([example[1] for example in examples])
        if self.gpu:
            x, t = cuda.as_cupy(x), cuda.as_cupy(t)
        self.iteration += 1
        return x, t


class SeqDataLoader(DataLoader):
    """Iterates over a sequence in ``batch_size`` rows that each read a stretch of it in order.

    Row ``i`` of batch ``n`` is the example at ``i * (len(dataset) // batch_size) + n``, so that a row of one
    batch goes on where it stopped in the batch before: what a recurrent network needs.
    """

    def __init__(self, dataset: Any, batch_size: int, gpu: bool = False):
        super().__init__(dataset=dataset, batch_size=batch_size, shuffle=False, gpu=gpu)

    def __next__(self) -> tuple[Any, Any]:
        if self.iteration >= self.max_iter:
            self.reset()
            raise StopIteration
        jump = self.data_size // self.batch_size
        return self._batch([(i * jump + self.iteration) % self.data_size for i in range(self.batch_size)])
