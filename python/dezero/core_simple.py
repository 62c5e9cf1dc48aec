"""The framework of the book's steps 23 to 32: gradients are arrays, and differentiate once.

A small program of its own on NumPy, to be read; `dezero.core` is the one on the engine.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import weakref

import numpy as np


class Config:
    """Switches of the whole process."""

    enable_backprop = True


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


class Variable:
    """An array that remembers the function that computed it."""

    __array_priority__ = 200

    def __init__(self, data, name=None):
        if not (data is None or isinstance(data, np.ndarray)):
            raise TypeError(f"{type(data)} is not supported")
        self.data, self.name = data, name
        self.grad = self.creator = None
        self.generation = 0

    @property
    def shape(self):
        return self.data.shape

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def size(self):
        return self.data.size

    @property
    def dtype(self):
        return self.data.dtype

    def __len__(self):
        return len(self.data)

    def __repr__(self):
        lines = str(self.data).splitlines() or [""]
        return "variable(" + ("\n" + " " * 9).join(lines) + ")"

    def set_creator(self, func):
        """Records that `func` computed this variable."""
        self.creator, self.generation = func, func.generation + 1

    def cleargrad(self):
        """Forgets the gradient."""
        self.grad = None

    def backward(self, retain_grad=False):
        """Computes the gradients of all variables that this one was computed from."""
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        # The latest generation first; the count settles ties.
        count = itertools.count()
        waiting, seen = [], set()

        def visit(f):
            if f is not None and f not in seen:
                seen.add(f)
                heapq.heappush(waiting, (-f.generation, next(count), f))

        visit(self.creator)
        while waiting:
            f = heapq.heappop(waiting)[2]
            outputs = [reference() for reference in f.outputs]
            gxs = f.backward(*(y.grad for y in outputs))
            for x, gx in zip(f.inputs, gxs if isinstance(gxs, tuple) else (gxs,)):
                x.grad = gx if x.grad is None else x.grad + gx
                visit(x.creator)
            if not retain_grad:
                for y in outputs:
                    y.grad = None


def as_variable(obj):
    """`obj` itself if it is a Variable, otherwise the Variable of the array `obj`."""
    return obj if isinstance(obj, Variable) else Variable(obj)


def as_array(x):
    """Numbers become zero-dimensional arrays; anything else comes back as it is."""
    return np.array(x) if np.isscalar(x) else x


class Function:
    """An operation: derive from it, and define `forward` and `backward` on arrays."""

    def __call__(self, *inputs):
        xs = [as_variable(x) for x in inputs]
        ys = self.forward(*(x.data for x in xs))
        outputs = [Variable(as_array(y)) for y in (ys if isinstance(ys, tuple) else (ys,))]
        if Config.enable_backprop:
            self.generation = max(x.generation for x in xs)
            self.inputs, self.outputs = xs, [weakref.ref(y) for y in outputs]
            for y in outputs:
                y.set_creator(self)
        return outputs[0] if len(outputs) == 1 else outputs

    def forward(self, xs):
        """Arrays from arrays."""
        raise NotImplementedError()

    def backward(self, gys):
        """Gradients of the inputs from those of the outputs."""
        raise NotImplementedError()


class Add(Function):
    """x0 + x1"""

    def forward(self, x0, x1):
        return x0 + x1

    def backward(self, gy):
        return gy, gy


class Mul(Function):
    """x0 * x1"""

    def forward(self, x0, x1):
        return x0 * x1

    def backward(self, gy):
        x0, x1 = (x.data for x in self.inputs)
        return x1 * gy, x0 * gy


class Neg(Function):
    """-x"""

    def forward(self, x):
        return -x

    def backward(self, gy):
        return -gy


class Sub(Function):
    """x0 - x1"""

    def forward(self, x0, x1):
        return x0 - x1

    def backward(self, gy):
        return gy, -gy


class Div(Function):
    """x0 / x1"""

    def forward(self, x0, x1):
        return x0 / x1

    def backward(self, gy):
        x0, x1 = (x.data for x in self.inputs)
        return gy / x1, -gy * x0 / x1**2


class Pow(Function):
    """x ** c"""

    def __init__(self, c):
        self.c = c

    def forward(self, x):
        return x**self.c

    def backward(self, gy):
        return self.c * self.inputs[0].data ** (self.c - 1) * gy


def add(x0, x1):
    """x0 + x1"""
    return Add()(x0, as_array(x1))


def mul(x0, x1):
    """x0 * x1"""
    return Mul()(x0, as_array(x1))


def neg(x):
    """-x"""
    return Neg()(x)


def sub(x0, x1):
    """x0 - x1"""
    return Sub()(x0, as_array(x1))


def rsub(x0, x1):
    """x1 - x0"""
    return Sub()(as_array(x1), x0)


def div(x0, x1):
    """x0 / x1"""
    return Div()(x0, as_array(x1))


def rdiv(x0, x1):
    """x1 / x0"""
    return Div()(as_array(x1), x0)


def pow(x, c):
    """x to the power of the number c"""
    return Pow(c)(x)


def setup_variable():
    """Gives Variable its operators."""
    for names, function in {
        ("__add__", "__radd__"): add,
        ("__mul__", "__rmul__"): mul,
        ("__neg__",): neg,
        ("__sub__",): sub,
        ("__rsub__",): rsub,
        ("__truediv__",): div,
        ("__rtruediv__",): rdiv,
        ("__pow__",): pow,
    }.items():
        for name in names:
            setattr(Variable, name, function)
