"""Variables, functions and the switches of the graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from dezero import _dezero
from dezero._dezero import (
    Function,
    Parameter,
    Variable,
    add,
    div,
    mul,
    neg,
    pow,
    rdiv,
    rsub,
    sub,
)
from dezero.engine_function import engine_function

__all__ = [
    "Add",
    "Config",
    "Div",
    "Function",
    "Mul",
    "Neg",
    "Parameter",
    "Pow",
    "Sub",
    "Variable",
    "add",
    "array_types",
    "as_array",
    "as_variable",
    "div",
    "from_dlpack",
    "mul",
    "neg",
    "no_grad",
    "pow",
    "rdiv",
    "rsub",
    "setup_variable",
    "sub",
    "test_mode",
    "using_config",
]

array_types = (np.ndarray,)


class _Switches(type):
    """`Config.enable_backprop` is a switch of the engine."""

    @property
    def enable_backprop(cls):
        return _dezero.is_recording()

    @enable_backprop.setter
    def enable_backprop(cls, value):
        _dezero.set_enable_backprop(bool(value))


class Config(metaclass=_Switches):
    """Switches of the whole process.

    Attributes:
        enable_backprop: whether computations are recorded, so that `backward` can be called.
        train: whether dropout drops and batch norm uses the statistics of its batch.
    """

    enable_backprop = True
    train = True


@contextlib.contextmanager
def using_config(name: str, value: bool) -> Iterator[None]:
    """Sets a switch of `Config` for the time of a `with` block."""
    before = getattr(Config, name)
    setattr(Config, name, value)
    try:
        yield
    finally:
        setattr(Config, name, before)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Computes without recording: `with no_grad(): …`."""
    return using_config("enable_backprop", False)


def test_mode() -> contextlib.AbstractContextManager[None]:
    """Uses models without training them: `with test_mode(): …`."""
    return using_config("train", False)


# Not a test, whatever its name says to pytest.
test_mode.__test__ = False  # type: ignore[attr-defined]


def as_variable(obj: Variable | np.ndarray) -> Variable:
    """`obj` itself if it is a Variable, otherwise the Variable of the array `obj`."""
    return obj if isinstance(obj, Variable) else Variable(obj)


def as_array(x: Any, array_module: Any = np) -> Any:
    """Numbers become zero-dimensional arrays; anything else comes back as it is."""
    return array_module.array(x) if np.isscalar(x) else x


def setup_variable() -> None:
    """Nothing to do: the operators of Variable are there from the start."""


def from_dlpack(x: Any) -> Variable:
    """A Variable of any array that speaks DLPack, such as those of PyTorch and JAX."""
    return Variable(np.from_dlpack(x))


def _rebuild_variable(cls, data, name, grad, attributes):
    """What pickle calls."""
    x = cls.__new__(cls)
    Variable.__init__(x, data, name)
    if grad is not None:
        x.grad = Variable(grad)
    if attributes:
        x.__dict__.update(attributes)
    return x


Add = engine_function("Add", "add", add, "x0 x1")
Mul = engine_function("Mul", "mul", mul, "x0 x1")
Neg = engine_function("Neg", "neg", neg, "x")
Sub = engine_function("Sub", "sub", sub, "x0 x1")
Div = engine_function("Div", "div", div, "x0 x1")
Pow = engine_function("Pow", "pow", pow, "x", required="c")


class _Exponent:
    """The exponent of a power that the engine computed; one made by hand has its own attribute."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else instance._exponent


Pow.c = _Exponent()
