"""Pictures of graphs, gradient checks, downloads, and the small arithmetic of shapes."""

from __future__ import annotations

import operator
import os
from typing import Any, Callable

import numpy as np
from dezero.core import Function, Variable, as_variable

from dezero import cuda

# --- pictures of the graph ---


def _dot_var(v: Variable, verbose: bool = False) -> str:
    label = "" if v.name is None else str(v.name)
    if verbose and v.data is not None:
        if v.name is not None:
            label += ": "
        label += f"{v.shape} {v.dtype}"
    label = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'{id(v)} [label="{label}", color=orange, style=filled]\n'


def _dot_func(f: Function) -> str:
    text = f'{id(f)} [label="{type(f).__name__}", color=lightblue, style=filled, shape=box]\n'
    for x in f.inputs:
        text += f"{id(x)} -> {id(f)}\n"
    for output in f.outputs:
        y = output()  # held weakly: an output that nobody kept has no box
        if y is not None:
            text += f"{id(f)} -> {id(y)}\n"
    return text


def get_dot_graph(output: Variable, verbose: bool = True) -> str:
    """The graph that computed ``output``, in Graphviz's DOT language.

    Variables are orange ellipses with their name and, if ``verbose``, shape and dtype; functions are blue boxes.
    """
    text = _dot_var(output, verbose)
    pending: list[Any] = []
    seen: dict[int, Any] = {}
    alive: list[Any] = [output]  # an id names one object only while that is alive

    def visit(f: Any) -> None:
        if f is not None and id(f) not in seen:
            seen[id(f)] = f
            pending.append(f)

    visit(output.creator)
    while pending:
        f = pending.pop()
        inputs, outputs = f.inputs, [output() for output in f.outputs]
        alive += [*inputs, *outputs]
        text += _dot_func(f)
        for x in inputs:
            text += _dot_var(x, verbose)
            visit(x.creator)
    return "digraph g {\n" + text + "}"


def plot_dot_graph(output: Variable, verbose: bool = True, to_file: str = "graph.png") -> Any:
    """Draws the graph that computed ``output`` to the picture ``to_file`` (png, pdf, svg, ... by its ending).

    Graphviz's program ``dot`` draws; where it is missing or fails, a warning says so. In a notebook the picture is
    returned, to be shown.
    """
    import subprocess
    import warnings

    os.makedirs(cache_dir, exist_ok=True)
    source = os.path.join(cache_dir, "tmp_graph.dot")
    with open(source, "w", encoding="utf-8") as file:
        file.write(get_dot_graph(output, verbose))

    ending = os.path.splitext(to_file)[1][1:] or "png"
    try:
        subprocess.run(["dot", source, "-T", ending, "-o", to_file], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        warnings.warn(
            f"plot_dot_graph: {to_file} was not drawn, the program `dot` is missing (install Graphviz)", stacklevel=2
        )
        return None
    except subprocess.CalledProcessError as error:
        warnings.warn(f"plot_dot_graph: {to_file} was not drawn: {error.stderr.strip()}", stacklevel=2)
        return None

    try:
        from IPython import display

        return display.Image(filename=to_file)
    except Exception:  # no notebook, or a format that it cannot show
        return None


# --- arithmetic of arrays and shapes ---


def sum_to(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sums ``x`` over the axes along which an array of ``shape`` would be broadcast to the shape of ``x``."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, size in enumerate(shape) if size == 1)
    y = x.sum(axes, keepdims=True)
    return y.reshape(y.shape[lead:])


def reshape_sum_backward(gy: Variable, x_shape: tuple[int, ...], axis: Any, keepdims: bool) -> Variable:
    """Gives the gradient of a sum over ``axis`` its summed axes back, of length 1: it broadcasts to ``x_shape``."""
    if axis is None or keepdims or len(x_shape) == 0:
        return gy.reshape(gy.shape)
    return gy.reshape(_kept_shape(x_shape, axis))


def logsumexp(x: np.ndarray, axis: Any = 1) -> np.ndarray:
    """``log(sum(exp(x)))`` over ``axis``, which stays with length 1. Large elements do not overflow."""
    largest = x.max(axis=axis, keepdims=True)
    return largest + np.log(np.exp(x - largest).sum(axis=axis, keepdims=True))


def max_backward_shape(x: Any, axis: Any) -> list[int]:
    """The shape of ``x`` with length 1 along ``axis``: an integer, a tuple, or ``None`` for all."""
    return _kept_shape(x.shape, range(len(x.shape)) if axis is None else axis)


def _kept_shape(shape: tuple[int, ...], axis: Any) -> list[int]:
    axes = axis if hasattr(axis, "__len__") else (axis,)
    reduced = {operator.index(a) % len(shape) for a in axes}
    return [1 if i in reduced else size for i, size in enumerate(shape)]


# --- gradient check ---


def gradient_check(
    f: Callable[..., Variable], x: Any, *args: Any, rtol: float = 1e-4, atol: float = 1e-5, **kwargs: Any
) -> bool:
    """Whether backpropagation through ``f(x, *args, **kwargs)`` gives the gradient that finite differences give.

    Works in float64: ``x`` (a variable or an array) is converted, a variable in place, and its gradient is set.
    Where they differ, both are printed.
    """
    x = as_variable(x)
    x.data = x.data.astype(np.float64)
    x.cleargrad()

    num_grad = numerical_grad(f, x, *args, **kwargs)
    y = f(x, *args, **kwargs)
    y.backward()
    bp_grad = x.grad.data

    assert bp_grad.shape == num_grad.shape, f"gradient of shape {bp_grad.shape} for an input of shape {num_grad.shape}"
    equal = array_allclose(num_grad, bp_grad, rtol=rtol, atol=atol)
    if not equal:
        print("\n========== FAILED (Gradient Check) ==========")
        for title, grad in (("Numerical Grad", num_grad), ("Backprop Grad", bp_grad)):
            print(title)
            print(f" shape: {grad.shape}")
            print(f" values: {str(grad.flatten()[:10])[1:-1]} ...")
    return equal


def numerical_grad(f: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    """The gradient of ``sum(f(x, *args, **kwargs))`` with respect to ``x`` by central differences of width 1e-4.

    Elements of ``x`` are changed in place, one at a time, and put back; ``f`` gets the array.
    """
    eps = 1e-4
    x = x.data if isinstance(x, Variable) else x

    def value() -> np.ndarray:
        y = f(x, *args, **kwargs)
        return np.array(y.data if isinstance(y, Variable) else y)

    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index].copy()
        x[index] = kept + eps
        above = value()
        x[index] = kept - eps
        below = value()
        x[index] = kept
        grad[index] = (above - below).sum() / (2 * eps)
    return grad


def array_equal(a: Any, b: Any) -> bool:
    """Whether two arrays or variables have the same shape and elements."""
    return np.array_equal(cuda.as_numpy(a), cuda.as_numpy(b))


def array_allclose(a: Any, b: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether the elements of two arrays or variables satisfy ``|a - b| <= atol + rtol * |b|``."""
    return np.allclose(cuda.as_numpy(a), cuda.as_numpy(b), rtol=rtol, atol=atol)


# --- downloads ---

cache_dir: str = os.path.join(os.path.expanduser("~"), ".dezero")
"""Where downloaded files are kept: ``.dezero`` in the home folder."""


def show_progress(block_num: int, block_size: int, total_size: int) -> None:
    """Draws a bar on the current line: ``block_num`` blocks of ``block_size`` bytes out of ``total_size`` are here.

    Without a known total (zero or less), the bytes are counted.
    """
    downloaded = block_num * block_size
    if total_size <= 0:
        print(f"\r{downloaded} bytes", end="")
        return
    part = min(downloaded / total_size, 1.0)
    done = int(part * 30)
    print(f"\r[{'#' * done}{'.' * (30 - done)}] {part * 100:.2f}%", end="")


def get_file(url: str, file_name: str | None = None) -> str:
    """The path of the file behind ``url`` in ``cache_dir``, downloaded on the first call only.

    ``file_name`` is its name there, otherwise the last part of the URL. The download goes to a file beside and takes
    the name when it is complete, so that a broken one leaves nothing behind.

    Raises ``OSError`` if the download fails or ends early.
    """
    if file_name is None:
        file_name = url[url.rfind("/") + 1 :]
    path = os.path.join(cache_dir, file_name)
    if os.path.exists(path):
        return path

    import urllib.request

    os.makedirs(cache_dir, exist_ok=True)
    print("Downloading: " + file_name)
    with _replacing(path) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=60) as response, open(temporary, "wb") as file:
                _copy(response, file)
        except OSError as error:
            raise OSError(f"{file_name} could not be downloaded from {url}: {error}") from error
    print(" Done")
    return path


def _copy(response: Any, file: Any) -> None:
    total = int(response.headers.get("Content-Length") or -1)
    block_size = 1 << 16
    blocks = received = 0
    while block := response.read(block_size):
        file.write(block)
        received += len(block)
        blocks += 1
        show_progress(blocks, block_size, total)
    if 0 <= total != received:
        raise OSError(f"{received} bytes came instead of {total}")


class _replacing:
    """Gives a temporary path beside ``path``; moves it there at the end, or removes it after an error or Ctrl-C."""

    def __init__(self, path: str):
        self.path = path
        self.temporary = f"{path}.{os.getpid()}.part"

    def __enter__(self) -> str:
        return self.temporary

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            os.replace(self.temporary, self.path)
        elif os.path.exists(self.temporary):
            os.remove(self.temporary)


# --- sizes of convolutions ---


def get_deconv_outsize(size: int, k: int, s: int, p: int) -> int:
    """Length of a transposed convolution's output: ``s * (size - 1) + k - 2 * p``."""
    return s * (size - 1) + k - 2 * p


def get_conv_outsize(input_size: int, kernel_size: int, stride: int, pad: int) -> int:
    """Length of a convolution's output: ``(input_size + 2 * pad - kernel_size) // stride + 1``."""
    return (input_size + pad * 2 - kernel_size) // stride + 1


def pair(x: Any) -> tuple[int, int]:
    """``x`` if it is a tuple of two, ``(x, x)`` if it is an integer; anything else is a ``ValueError``."""
    if isinstance(x, tuple) and len(x) == 2:
        return x
    try:
        x = operator.index(x)
    except TypeError:
        raise ValueError(f"expected an integer or a tuple of two, got {x!r}") from None
    return (x, x)
