"""Variables, functions and the switches of the graph."""

from __future__ import annotations

import contextlib

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

    train = True


@contextlib.contextmanager
def using_config(name, value):
    """Sets a switch of `Config` for the time of a `with` block."""
    before = getattr(Config, name)
    setattr(Config, name, value)
    try:
        yield
    finally:
        setattr(Config, name, before)


def no_grad():
    """Computes without recording: `with no_grad(): …`."""
    return using_config("enable_backprop", False)


def test_mode():
    """Uses models without training them: `with test_mode(): …`."""
    return using_config("train", False)


# Not a test, whatever its name says to pytest.
test_mode.__test__ = False


def as_variable(obj):
    """`obj` itself if it is a Variable, otherwise the Variable of the array `obj`."""
    return obj if isinstance(obj, Variable) else Variable(obj)


def as_array(x, array_module=np):
    """Numbers become zero-dimensional arrays; anything else comes back as it is."""
    return array_module.array(x) if np.isscalar(x) else x


def setup_variable():
    """Nothing to do: the operators of Variable are there from the start."""


def _rebuild_variable(cls, data, name, grad, attributes):
    """What pickle calls."""
    x = cls.__new__(cls)
    Variable.__init__(x, data, name)
    if grad is not None:
        x.grad = Variable(grad)
    if attributes:
        x.__dict__.update(attributes)
    return x


class _EngineFunction(Function):
    """A function of the engine, by the name of its class in the original.

    An instance can be called as one of a function that is written in Python; the creators of
    variables that the engine computed are instances too.
    """

    #: Name of the function in the engine.
    engine_name: str = ""

    def __call__(self, *inputs):
        y = self.apply(*inputs)
        self._stand_for(y)
        return y

    def apply(self, *inputs):
        """The function of `dezero.functions` that does it."""
        raise NotImplementedError(f"{type(self).__name__} is part of derivatives only")

    def forward(self, *xs):
        """NumPy arrays from NumPy arrays."""
        with no_grad():
            return self.apply(*(None if x is None else Variable(x) for x in xs)).data

    def backward(self, *gys):
        """Gradients of the inputs, from those of the outputs."""
        return self._engine_backward(*gys)

    def __hash__(self):
        return object.__hash__(self)


_classes: dict[str, type] = {}


def _register(cls):
    _classes[cls.engine_name] = cls
    return cls


def _class_of(engine_name):
    """The class of the engine's function of this name."""
    cls = _classes.get(engine_name)
    if cls is None:
        name = "".join(part.capitalize() for part in engine_name.split("_"))
        cls = type(name, (_EngineFunction,), {"engine_name": engine_name})
        _classes[engine_name] = cls
    return cls


@_register
class Add(_EngineFunction):
    """x0 + x1"""

    engine_name = "add"

    def apply(self, x0, x1):
        return add(x0, x1)


@_register
class Mul(_EngineFunction):
    """x0 * x1"""

    engine_name = "mul"

    def apply(self, x0, x1):
        return mul(x0, x1)


@_register
class Neg(_EngineFunction):
    """-x"""

    engine_name = "neg"

    def apply(self, x):
        return neg(x)


@_register
class Sub(_EngineFunction):
    """x0 - x1"""

    engine_name = "sub"

    def apply(self, x0, x1):
        return sub(x0, x1)


@_register
class Div(_EngineFunction):
    """x0 / x1"""

    engine_name = "div"

    def apply(self, x0, x1):
        return div(x0, x1)


@_register
class Pow(_EngineFunction):
    """x ** c"""

    engine_name = "pow"

    def __init__(self, c):
        self.c = c

    def apply(self, x):
        return pow(x, self.c)
