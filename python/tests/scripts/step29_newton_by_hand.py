"""Newton's method with the second derivative worked out on paper."""
import numpy as np
from dezero import Variable


def f(x):
    return x ** 4 - 2 * x ** 2


def gx2(x):
    return 12 * x ** 2 - 4


x = Variable(np.array(2.0))
for i in range(10):
    print(i, x)
    y = f(x)
    x.cleargrad()
    y.backward()
    x.data = x.data - x.grad.data / gx2(x.data)

x = Variable(np.array(2.0))
for i in range(125):
    y = f(x)
    x.cleargrad()
    y.backward()
    x.data -= 0.01 * x.grad.data
print(x)
