"""``grad``, ``jvp``, ``vjp``, ``jacobian``, ``hessian`` and ``hvp`` against finite differences and each other."""

import dezero.functions as F
import numpy as np
import pytest

import dezero
from dezero import Function, Variable, grad, hessian, hvp, jacobian, jvp, vjp

RANDOM = np.random.RandomState(0)


def numbers(*shape):
    return RANDOM.uniform(0.5, 1.5, shape)


class Square(Function):
    """Written in Python."""

    def forward(self, x):
        return x**2

    def backward(self, gy):
        (x,) = self.inputs
        return 2 * x * gy


# Functions of one variable, with the shapes that they are tried on.
ONE = {
    "elementwise": (lambda x: F.sin(x) * F.exp(x), [(), (3,), (2, 3)]),
    "sum": (lambda x: F.sum(x**3, axis=0), [(3,), (2, 3)]),
    "broadcast": (lambda x: x * np.arange(6.0).reshape(2, 3) + x**2, [(), (3,), (2, 1)]),
    "matmul": (lambda x: F.matmul(x, F.transpose(x)) + 1, [(2, 3)]),
    "softmax": (lambda x: F.softmax(x, axis=1) ** 2, [(2, 3)]),
    "in python": (lambda x: Square()(F.tanh(x)) * x, [(), (2, 2)]),
    "reshape": (lambda x: F.tanh(x).reshape(-1), [(2, 3)]),
}
CASES = [pytest.param(f, shape, id=f"{name} {shape}") for name, (f, shapes) in ONE.items() for shape in shapes]


def value(f, x):
    return f(Variable(np.asarray(x))).data


def differences(f, x, eps=1e-6):
    """The Jacobian by central differences, of shape (shape of f(x), shape of x)."""
    out = np.zeros(value(f, x).shape + x.shape)
    for i in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        out[(...,) + i] = (value(f, x + step) - value(f, x - step)) / (2 * eps)
    return out


def contract(a, b, n):
    """Sums products over the last n axes of a and all of b."""
    return np.tensordot(a, b, axes=n)


@pytest.mark.parametrize("f, shape", CASES)
def test_all_agree_with_finite_differences(f, shape):
    x = numbers(*shape)
    expected = differences(f, x)
    J = jacobian(f, Variable(x))
    assert J.shape == expected.shape and np.allclose(J.data, expected, atol=1e-6)
    v, w = numbers(*shape), numbers(*value(f, x).shape)
    y, tangent = jvp(f, Variable(x), Variable(v))
    assert np.allclose(y.data, value(f, x))
    assert np.allclose(tangent.data, contract(J.data, v, v.ndim))
    y, gx = vjp(f, Variable(x), Variable(w))
    assert np.allclose(y.data, value(f, x))
    assert gx.shape == shape and np.allclose(gx.data, np.tensordot(w, J.data, axes=w.ndim))
    X = Variable(x)
    assert np.allclose(grad(f(X), X).data, contract(np.ones_like(w), J.data, w.ndim))
    assert X.grad is None


@pytest.mark.parametrize("f, shape", CASES)
def test_second_derivatives_agree(f, shape):
    x, v = numbers(*shape), numbers(*shape)

    def loss(x):
        return F.sum(f(x) ** 2)

    def gradient(x):
        return grad(loss(x), x, create_graph=True)

    H = hessian(loss, Variable(x))
    assert H.shape == shape + shape
    assert np.allclose(H.data, differences(lambda x: grad(loss(x), x), x), rtol=1e-5, atol=1e-5)
    assert np.allclose(H.data, jacobian(gradient, Variable(x)).data)
    assert np.allclose(hvp(loss, Variable(x), Variable(v)).data, contract(H.data, v, v.ndim))


def test_of_several_variables():
    a, b = numbers(2, 3), numbers(3)

    def f(a, b):
        return F.tanh(a * b) + b  # b broadcasts

    A, B = Variable(a), Variable(b)
    va, vb, w = numbers(2, 3), numbers(3), numbers(2, 3)
    y, tangent = jvp(f, (A, B), (Variable(va), Variable(vb)))
    eps = 1e-6
    expected = (f(Variable(a + eps * va), Variable(b + eps * vb)).data - f(Variable(a - eps * va), Variable(b - eps * vb)).data) / (2 * eps)
    assert np.allclose(tangent.data, expected, atol=1e-8)
    y, (ga, gb) = vjp(f, [A, B], Variable(w))
    assert ga.shape == (2, 3) and gb.shape == (3,)
    # The product of both directions is the same number.
    assert np.isclose((w * tangent.data).sum(), (ga.data * va).sum() + (gb.data * vb).sum())
    other_a, other_b = grad(F.sum(f(A, B) * w), (A, B))
    assert np.allclose(ga.data, other_a.data) and np.allclose(gb.data, other_b.data)


def test_grad_of_several_results_and_of_intermediate_variables():
    x = Variable(np.array(2.0))
    h = x**2
    y, z = h * 3, h**2
    gh, gx = grad((y, z), (h, x))
    assert (float(gh.data), float(gx.data)) == (3 + 8, 11 * 4)
    assert x.grad is None and h.grad is None
    (only,) = grad(y, [x])
    assert float(only.data) == 12


def test_grad_records_only_when_asked():
    x = Variable(np.array(2.0))
    y = x**3
    assert grad(y, x).creator is None
    gx = grad(y, x, create_graph=True)
    assert float(grad(gx, x).data) == 12
    sixth = y = F.tanh(x)
    for _ in range(6):
        sixth = grad(sixth, x, create_graph=True)
    t = np.tanh(2.0)
    polynomial = np.polynomial.Polynomial([0, 1])
    for _ in range(6):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([1, 0, -1])
    assert np.isclose(float(sixth.data), polynomial(t))


def test_types_are_kept():
    x = Variable(np.ones(3, dtype=np.float32))
    assert jacobian(F.exp, x).dtype == np.float32
    assert hvp(lambda x: F.sum(x**3), x, Variable(np.ones(3, dtype=np.float32))).dtype == np.float32


def test_arrays_are_taken_for_variables():
    x = np.array([1.0, 2.0])
    assert np.allclose(jacobian(lambda x: x**2, x).data, np.diag(2 * x))
    y, tangent = jvp(lambda x: x**2, x, np.ones(2))
    assert tangent.data.tolist() == [2, 4]
    assert hessian(lambda x: F.sum(x**3), x).data.tolist() == [[6, 0], [0, 12]]


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda x: grad(Variable(np.array(1.0)), x), ValueError, "not part of the graph"),
        (lambda x: jvp(lambda x: x, x, Variable(np.ones(4))), ValueError, r"\[4\]"),
        (lambda x: vjp(lambda x: x, x, Variable(np.ones(4))), ValueError, r"\[4\]"),
        (lambda x: hvp(lambda x: F.sum(x), x, Variable(np.ones(4))), ValueError, r"\[4\]"),
        (lambda x: hessian(lambda x: x * 2, x), ValueError, "one element"),
        (lambda x: jacobian(lambda x: "no", x), TypeError, "str"),
        (lambda x: jacobian(lambda x: 1 / 0, x), ZeroDivisionError, "division"),
        (lambda x: grad("no", x), TypeError, "str"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(Variable(np.ones(3)))
    # Nothing is left behind.
    x = Variable(np.array(3.0))
    (x * x).backward()
    assert float(x.grad.data) == 6 and dezero.Config.enable_backprop
