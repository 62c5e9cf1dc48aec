"""A sine with its own derivative, and one by Taylor's series."""
import math
import numpy as np
from dezero import Function, Variable


class Sin(Function):
    def forward(self, x):
        return np.sin(x)

    def backward(self, gy):
        x, = self.inputs
        return gy * np.cos(x.data)


def sin(x):
    return Sin()(x)


def taylor_sin(x, threshold=0.0001):
    y = 0
    for i in range(100000):
        c = (-1) ** i / math.factorial(2 * i + 1)
        t = c * x ** (2 * i + 1)
        y = y + t
        if abs(t.data) < threshold:
            break
    return y


x = Variable(np.array(np.pi / 4))
y = sin(x)
y.backward()
print(y.data, x.grad.data)

for threshold in (1e-4, 1e-12, 1e-150):
    x = Variable(np.array(np.pi / 4))
    y = taylor_sin(x, threshold)
    y.backward()
    print(y.data, x.grad.data, y.generation)
