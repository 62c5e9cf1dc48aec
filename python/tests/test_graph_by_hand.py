"""Graphs that a program records itself: ``y.set_creator(f)`` with inputs and outputs that it sets on ``f``."""

import gc
import weakref

import dezero.functions as F
import numpy as np
import pytest

from dezero import Function, Variable


class ByHand(Function):
    """Applies itself without help of the package."""

    def __call__(self, *xs):
        ys = self.forward(*(x.data for x in xs))
        ys = [Variable(np.asarray(y)) for y in (ys if isinstance(ys, tuple) else (ys,))]
        self.generation = max(x.generation for x in xs)
        for y in ys:
            y.set_creator(self)
        self.inputs = xs
        self.outputs = [weakref.ref(y) for y in ys]
        return ys if len(ys) > 1 else ys[0]


class Cube(ByHand):
    def forward(self, x):
        return x**3

    def backward(self, gy):
        (x,) = self.inputs
        return 3 * x**2 * gy


class SumAndProduct(ByHand):
    def forward(self, a, b):
        return a + b, a * b

    def backward(self, g_sum, g_product):
        a, b = self.inputs
        return g_sum + g_product * b, g_sum + g_product * a


class Step:
    """Not derived from anything, with one input, and derivatives as arrays."""

    generation = 0

    def __init__(self, x):
        self.input = x

    def backward(self, gy):
        return 10 * gy.data


def test_gradients_flow_through_it():
    x = Variable(np.array([1.0, 2.0]))
    h = F.sin(x)
    f = Cube()
    y = f(h)
    assert y.creator is f and f.inputs[0] is h and f.outputs[0]() is y
    assert (h.generation, f.generation, y.generation) == (1, 1, 2)
    z = F.sum(y * 2)
    z.backward(retain_grad=True)
    s, c = np.sin(x.data), np.cos(x.data)
    assert np.allclose(x.grad.data, 6 * s**2 * c)
    assert np.allclose(h.grad.data, 6 * s**2) and y.grad.data.tolist() == [2, 2]


def test_backward_from_the_variable_itself():
    x = Variable(np.array(2.0))
    y = Cube()(x)
    y.backward()
    assert float(x.grad.data) == 12


def test_several_in_a_row_and_a_diamond():
    x = Variable(np.array(1.1))
    a = Cube()(x)
    b = Cube()(a) + Cube()(a) * a
    b.backward()
    assert np.isclose(float(x.grad.data), 9 * 1.1**8 + 12 * 1.1**11)


def test_several_outputs():
    a, b = Variable(np.array(2.0)), Variable(np.array(5.0))
    plus, times = SumAndProduct()(a, b)
    (plus * 3 + times).backward()
    assert (float(a.grad.data), float(b.grad.data)) == (8, 5)
    a.cleargrad()
    _, times = SumAndProduct()(a, b)  # the sum is gone
    times.backward()
    assert float(a.grad.data) == 5


def test_higher_derivatives():
    x = Variable(np.array(2.0))
    y = Cube()(x)
    y.backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    gx.backward(create_graph=True)
    ggx = x.grad
    x.cleargrad()
    ggx.backward()
    assert (float(gx.data), float(ggx.data), float(x.grad.data)) == (12, 12, 6)


def test_any_object_with_a_backward():
    x = Variable(np.ones(3))
    y = Variable(x.data * 10)
    y.set_creator(Step(x))
    assert y.generation == 1
    F.sum(y).backward()
    assert x.grad.data.tolist() == [10, 10, 10]


def test_assigned_creator_and_unchain():
    x = Variable(np.array(2.0))
    y = Variable(np.array(20.0))
    y.creator = Step(x)
    y.unchain()
    assert y.creator is None and y.generation == 0
    (y * 1).backward()
    assert x.grad is None and float(y.grad.data) == 1
    y.set_creator(Step(x))
    y.creator = None
    assert y.creator is None


def test_unchain_backward_reaches_behind_it():
    x = Variable(np.array(2.0))
    h = x * 2
    y = Cube()(h)
    z = y + 1
    z.unchain_backward()
    assert h.creator is None


def test_errors_are_the_programs_own():
    x = Variable(np.array(2.0))

    class Broken(ByHand):
        def forward(self, x):
            return x

        def backward(self, gy):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Broken()(x).backward()
    y = Variable(np.array(1.0))
    y.set_creator(object())
    with pytest.raises(AttributeError, match="input"):
        y.backward()


def test_nothing_leaks():
    class Watched(Cube):
        pass

    gc.disable()
    try:
        x = Variable(np.ones(2))
        f = Watched()
        watch = weakref.ref(f)
        F.sum(f(x)).backward()
        del f
        assert watch() is None
    finally:
        gc.enable()


def test_a_creator_set_by_hand_holds_its_inputs_until_cleargrad():
    """What a program sets is held, and under create_graph the gradient of an input leads back to it."""
    gc.disable()
    try:
        for clears in (False, True):
            x = Variable(np.array(3.0))
            y = Cube()(x)
            z = y**2  # whose derivative has y in it
            z.backward(create_graph=True)
            if clears:
                x.cleargrad()
            watch = weakref.ref(x)
            del x, y, z
            assert (watch() is None) == clears
            if not clears:
                watch().cleargrad()
                assert watch() is None
    finally:
        gc.enable()


class Squared(Function):
    def forward(self, x):
        return x**2

    def backward(self, gy):
        (x,) = self.inputs
        return 2 * x * gy


@pytest.mark.parametrize("when", ["before", "after"])
def test_reading_inputs_makes_no_cycle(when):
    """A gradient that has a graph leads to the function, and the function to its inputs: not to those with the gradient."""
    gc.disable()
    try:
        x = Variable(np.array(3.0))
        f = Squared()
        y = f(x)
        if when == "before":
            assert f.inputs[0] is x
        z = y**2  # whose derivative has y in it
        z.backward(create_graph=True)
        assert y.creator is f and f.inputs[0] is x
        watches = [weakref.ref(x), weakref.ref(f)]
        del x, y, z, f
        assert [watch() for watch in watches] == [None, None]
    finally:
        gc.enable()


def test_inputs_that_nobody_holds_stay_while_the_function_does():
    x = Variable(np.array(3.0))
    y = Squared()(x * 2)
    f = y.creator
    h = f.inputs[0]
    number = id(h)
    del h
    assert id(f.inputs[0]) == number and float(f.inputs[0].data) == 6
