"""Layers: functions with parameters, which are found among the attributes."""

from __future__ import annotations

import os
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

import dezero.functions as F
from dezero._dezero import LayerOutput
from dezero.core import Parameter, Variable
from dezero.utils import pair

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from dezero._dezero import Pair

__all__ = ["BatchNorm", "Conv2d", "Deconv2d", "EmbedID", "LSTM", "Layer", "Linear", "RNN"]


class Layer:
    """What parameters and layers assigned to attributes belong to."""

    def __init__(self) -> None:
        self._params: set[str] = set()

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Layer)):
            self._params.add(name)
        object.__setattr__(self, name, value)

    def __call__(self, *inputs: Any) -> Any:
        outputs = self.forward(*inputs)
        if type(outputs) is not tuple:
            self._remember(inputs, (outputs,))
            return outputs
        self._remember(inputs, outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def _remember(self, inputs: Any, outputs: Any) -> None:
        attributes = self.__dict__
        attributes["inputs"] = [weakref.ref(x) for x in inputs]
        attributes["outputs"] = [LayerOutput(y) if isinstance(y, Variable) else weakref.ref(y) for y in outputs]

    def forward(self, inputs: Any) -> Any:
        """Computes the outputs; layers define it."""
        raise NotImplementedError()

    def _named(self) -> list[tuple[str, Any]]:
        """Parameters and sub-layers with their names, in the order of assignment."""
        names = self._params
        # A set has no order of its own; the attributes have.
        return [(name, value) for name, value in self.__dict__.items() if name in names]

    def params(self) -> Iterator[Parameter]:
        """All parameters, those of sub-layers included, in the order of assignment."""
        for _, value in self._named():
            if isinstance(value, Layer):
                yield from value.params()
            else:
                yield value

    def cleargrads(self) -> None:
        """Forgets the gradients of all parameters."""
        for param in self.params():
            param.cleargrad()

    def to_cpu(self) -> None:
        """Brings the parameters to the CPU, where they are."""
        for param in self.params():
            param.to_cpu()

    def to_gpu(self) -> None:
        """Brings the parameters to the GPU."""
        for param in self.params():
            param.to_gpu()

    def _flatten_params(self, params_dict: dict[str, Any], parent_key: str = "") -> None:
        for name, value in self._named():
            key = f"{parent_key}/{name}" if parent_key else name
            if isinstance(value, Layer):
                value._flatten_params(params_dict, key)
            else:
                params_dict[key] = value

    def save_weights(self, path: str | os.PathLike[str] | IO[bytes]) -> None:
        """Writes the parameters to a npz file, under names such as `l1/W`."""
        params: dict[str, Any] = {}
        self._flatten_params(params)
        arrays = {
            key: param.data
            for key, param in params.items()
            if param is not None and param.data is not None
        }
        if hasattr(path, "write"):
            np.savez_compressed(path, **arrays)
            return
        # As np.savez names the file.
        target = os.fspath(path)
        if not target.endswith(".npz"):
            target += ".npz"
        beside = f"{target}.{os.getpid()}.part"
        try:
            with open(beside, "wb") as file:
                np.savez_compressed(file, **arrays)
            os.replace(beside, target)
        finally:
            if os.path.exists(beside):
                os.remove(beside)

    def load_weights(self, path: str | os.PathLike[str] | IO[bytes]) -> None:
        """Reads the parameters from a npz file that `save_weights` wrote, here or in the original."""
        params: dict[str, Any] = {}
        self._flatten_params(params)
        try:
            arrays = np.load(path)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{path} is not a sound npz file: {error}") from error
        if not hasattr(arrays, "files"):
            raise ValueError(f"{path} is not an npz file")
        with arrays:
            missing = [key for key, param in params.items() if param is not None and key not in arrays]
            if missing:
                raise KeyError(f"{path} has no {', '.join(missing)}")
            # All are read before one is set: a damaged file changes nothing.
            try:
                read = {key: arrays[key] for key, param in params.items() if param is not None}
            except (zipfile.BadZipFile, zlib.error) as error:
                raise ValueError(f"{path} is not a sound npz file: {error}") from error
        for key, data in read.items():
            params[key].data = data

    def __getstate__(self):
        # Weak references do not pickle, nor do graphs.
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in ("inputs", "outputs")
        }

    def __setstate__(self, state):
        self.__dict__.update(state)


def _scaled_normal(shape: tuple[int, ...], fan_in: int, dtype: DTypeLike) -> np.ndarray:
    """Random numbers of variance 1 / fan_in, from NumPy's generator, in `dtype`.

    NumPy 2 would give float64 for float32 times np.float64; NumPy 1, and the book, do not.
    """
    numbers = np.random.randn(*shape).astype(dtype)
    return numbers * numbers.dtype.type(np.sqrt(1 / fan_in))


class Linear(Layer):
    """x W + b

    Args:
        out_size: number of outputs.
        nobias: leave b out.
        dtype: type of the parameters.
        in_size: number of inputs; found at the first call if None.
    """

    def __init__(
        self, out_size: int, nobias: bool = False, dtype: DTypeLike = np.float32, in_size: int | None = None
    ) -> None:
        super().__init__()
        self.in_size: Any = in_size  # a number from the first call on
        self.out_size = out_size
        self.dtype = dtype
        self.W = Parameter(None, name="W")
        if in_size is not None:
            self._init_W()
        self.b = None if nobias else Parameter(np.zeros(out_size, dtype=dtype), name="b")

    def _init_W(self, xp: Any = np) -> None:
        self.W.data = _scaled_normal((self.in_size, self.out_size), self.in_size, self.dtype)

    def forward(self, x: Variable | np.ndarray) -> Variable:
        if self.W.is_none:
            self.in_size = x.shape[1]
            self._init_W()
        return F.linear(x, self.W, self.b)


class _Convolution(Layer):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        pad: Pair = 0,
        nobias: bool = False,
        dtype: DTypeLike = np.float32,
        in_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels: Any = in_channels  # a number from the first call on
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.pad = pad
        self.dtype = dtype
        self.W = Parameter(None, name="W")
        if in_channels is not None:
            self._init_W()
        self.b = None if nobias else Parameter(np.zeros(out_channels, dtype=dtype), name="b")

    def _channels(self) -> tuple[int, int]:
        """Out and in, in the order of the axes of W."""
        raise NotImplementedError()

    def _init_W(self, xp: Any = np) -> None:
        rows, columns = pair(self.kernel_size)
        shape = (*self._channels(), rows, columns)
        self.W.data = _scaled_normal(shape, self.in_channels * rows * columns, self.dtype)

    def _find_channels(self, x: Variable | np.ndarray) -> None:
        if self.W.is_none:
            self.in_channels = x.shape[1]
            self._init_W()


class Conv2d(_Convolution):
    """Two-dimensional convolution.

    Args:
        out_channels: number of channels of the output.
        kernel_size: size of the filters, a number or a pair.
        stride: step of the filters, a number or a pair.
        pad: zeros around the input, a number or a pair.
        nobias: leave the bias out.
        dtype: type of the parameters.
        in_channels: number of channels of the input; found at the first call if None.
    """

    def _channels(self) -> tuple[int, int]:
        return self.out_channels, self.in_channels

    def forward(self, x: Variable | np.ndarray) -> Variable:
        self._find_channels(x)
        return F.conv2d(x, self.W, self.b, self.stride, self.pad)


class Deconv2d(_Convolution):
    """Transposed two-dimensional convolution; arguments as those of `Conv2d`."""

    def _channels(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels

    def forward(self, x: Variable | np.ndarray) -> Variable:
        self._find_channels(x)
        return F.deconv2d(x, self.W, self.b, self.stride, self.pad)


class RNN(Layer):
    """A recurrent layer, h' = tanh(x W_x + b + h W_h).

    Args:
        hidden_size: number of features of the hidden state.
        in_size: number of features of the input; found at the first call if None.
    """

    def __init__(self, hidden_size: int, in_size: int | None = None) -> None:
        super().__init__()
        self.x2h = Linear(hidden_size, in_size=in_size)
        # In the original the size of x too, which only works where it is hidden_size.
        self.h2h = Linear(hidden_size, in_size=None if in_size is None else hidden_size, nobias=True)
        self.h: Variable | None = None

    def reset_state(self) -> None:
        """Forgets the hidden state."""
        self.h = None

    def forward(self, x: Variable | np.ndarray) -> Variable:
        h = self.x2h(x)
        if self.h is not None:
            h = h + self.h2h(self.h)
        self.h = F.tanh(h)
        return self.h


class LSTM(Layer):
    """A long short-term memory, with gates f, i, o and update u.

    Args:
        hidden_size: number of features of the hidden state.
        in_size: number of features of the input; found at the first call if None.
    """

    def __init__(self, hidden_size: int, in_size: int | None = None) -> None:
        super().__init__()
        for gate in "fiou":
            setattr(self, "x2" + gate, Linear(hidden_size, in_size=in_size))
        for gate in "fiou":
            setattr(self, "h2" + gate, Linear(hidden_size, in_size=hidden_size, nobias=True))
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets hidden state and cell."""
        self.h: Variable | None = None
        self.c: Variable | None = None

    def _gate(self, gate, x):
        a = getattr(self, "x2" + gate)(x)
        return a if self.h is None else a + getattr(self, "h2" + gate)(self.h)

    def forward(self, x: Variable | np.ndarray) -> Variable:
        f, i, o = (F.sigmoid(self._gate(gate, x)) for gate in "fio")
        u = F.tanh(self._gate("u", x))
        c = i * u if self.c is None else f * self.c + i * u
        self.h, self.c = o * F.tanh(c), c
        return self.h


class EmbedID(Layer):
    """Rows of W by number.

    Args:
        in_size: number of rows.
        out_size: size of a row.
    """

    def __init__(self, in_size: int, out_size: int) -> None:
        super().__init__()
        self.W = Parameter(np.random.randn(in_size, out_size), name="W")

    def __call__(self, x: Variable | np.ndarray) -> Variable:
        return self.W[x]


class BatchNorm(Layer):
    """Batch normalisation, with running statistics for tests of the model."""

    def __init__(self) -> None:
        super().__init__()
        # The statistics are parameters to be saved with the weights; they get no gradients.
        self.avg_mean = Parameter(None, name="avg_mean")
        self.avg_var = Parameter(None, name="avg_var")
        self.gamma = Parameter(None, name="gamma")
        self.beta = Parameter(None, name="beta")

    def _init_params(self, x: Variable | np.ndarray) -> None:
        channels, dtype = x.shape[1], x.dtype
        for param, make in (
            (self.avg_mean, np.zeros),
            (self.avg_var, np.ones),
            (self.gamma, np.ones),
            (self.beta, np.zeros),
        ):
            if param.is_none:
                param.data = make(channels, dtype=dtype)

    def __call__(self, x: Variable | np.ndarray) -> Variable:
        if self.avg_mean.is_none:
            self._init_params(x)
        return F.batch_nrom(x, self.gamma, self.beta, self.avg_mean, self.avg_var)
