"""Functions written in Python among the built-in ones, with several inputs and outputs, to higher order."""
import weakref
import numpy as np
from dezero import Function, Variable, as_array, as_variable, no_grad
import dezero.functions as F


class Square(Function):
    def forward(self, x):
        return x ** 2

    def backward(self, gy):
        x, = self.inputs
        return 2 * x * gy


class Add(Function):
    def forward(self, x0, x1):
        return x0 + x1

    def backward(self, gy):
        return gy, gy


class Polar(Function):
    """Two inputs, two outputs."""

    def forward(self, x, y):
        return np.sqrt(x ** 2 + y ** 2), np.arctan2(y, x)

    def backward(self, gr, ga):
        x, y = self.inputs
        r = (x ** 2 + y ** 2) ** 0.5
        if gr is None:
            gr = Variable(np.zeros_like(r.data))
        if ga is None:
            ga = Variable(np.zeros_like(r.data))
        gx = gr * x / r - ga * y / r ** 2
        gy = gr * y / r + ga * x / r ** 2
        return gx, gy


class Scale(Function):
    """Keeps a setting, reads its output."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return np.exp(self.factor * x)

    def backward(self, gy):
        y = self.outputs[0]()
        return gy * y * self.factor


x = Variable(np.array(2.0))
y = Variable(np.array(3.0))
z = Add()(Square()(x), Square()(y))
z.backward()
print(z.data, x.grad, y.grad)

x = Variable(np.array([3.0, 0.5]))
y = Variable(np.array([4.0, 1.5]))
r, a = Polar()(x, y)
print(r, a, r.creator is a.creator, r.generation)
loss = F.sum(r * 2 + F.sin(a))
loss.backward()
print(x.grad, y.grad)
x.cleargrad(); y.cleargrad()
r, a = Polar()(x, y)
r.backward()
print(x.grad, y.grad)

x = Variable(np.array([0.3, -0.2]))
y = F.tanh(Scale(1.5)(F.sin(x)))
y.backward(create_graph=True)
for i in range(4):
    g = x.grad
    print(g)
    x.cleargrad()
    g.backward(create_graph=True)

f = Square()
y = f(Variable(np.array(1.5)))
print(f.generation, type(f.inputs).__name__, len(f.outputs), isinstance(f.outputs[0], weakref.ref), f.outputs[0]() is y)
with no_grad():
    y = Square()(np.array(3.0))
print(y, y.creator)
y = Square()(as_variable(as_array(3.0)))
print(y)


class Leaky(Function):
    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, self.slope * x)

    def backward(self, gy):
        return gy * np.where(self.mask, 1.0, self.slope)


x = Variable(np.linspace(-1, 1, 5))
y = Leaky(0.1)(x) * x
y.backward()
print(y, x.grad)


class Broken(Function):
    def forward(self, x):
        raise ValueError('my own message')


try:
    Broken()(x)
except ValueError as error:
    print(error)
try:
    Function()(x)
except NotImplementedError as error:
    print('NotImplementedError')
