"""The first half of the book's core: gradients are arrays."""
import numpy as np
import dezero.core_simple as core
from dezero.core_simple import Config, Function, Variable, as_array, as_variable, no_grad, setup_variable, using_config

setup_variable()


class Exp(Function):
    def forward(self, x):
        return np.exp(x)

    def backward(self, gy):
        x = self.inputs[0].data
        return np.exp(x) * gy


def numerical_diff(f, x, eps=1e-4):
    y0, y1 = f(Variable(as_array(x.data - eps))), f(Variable(as_array(x.data + eps)))
    return (y1.data - y0.data) / (2 * eps)


x = Variable(np.array(0.5), name='x')
y = core.add(core.pow(Exp()(core.mul(x, x)), 2), core.neg(x)) / 3.0 - 1.0
y.backward()
print(x, y, x.grad, type(x.grad).__name__)
print('%.5f' % numerical_diff(lambda x: Exp()(x * x) ** 2, x))
print(x.name, x.shape, x.ndim, x.size, x.dtype, x.generation, y.generation, type(y.creator).__name__)

x = Variable(np.array([[1.0, 2.0], [3.0, 4.0]]))
print(x, len(x))
for operation in (lambda x: x + 1, lambda x: 1 + x, lambda x: x - 1, lambda x: 1 - x, lambda x: x * 2, lambda x: 2 * x,
                  lambda x: x / 2, lambda x: 2 / x, lambda x: -x, lambda x: x ** 3, lambda x: x + np.ones((2, 2)),
                  lambda x: np.ones((2, 2)) * x):
    x.cleargrad()
    y = operation(x)
    y.backward()
    print(y, x.grad)
print(core.sub(x, x), core.rsub(x, 2.0), core.rdiv(x, 2.0), core.div(x, x))

y = x * 2
z = y * y
z.backward(retain_grad=True)
print(y.grad, z.grad)
try:
    Variable(1.0)
except TypeError as error:
    print(error)
print(Variable(None), as_array(1.5), as_variable(np.ones(2)), Config.enable_backprop)
with no_grad():
    print((x + x).creator, Config.enable_backprop)
with using_config('enable_backprop', True):
    print(type((x + x).creator).__name__)
