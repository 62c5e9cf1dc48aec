"""Sums over axes."""
import numpy as np
import dezero.functions as F
from dezero import Variable

x = Variable(np.array([1, 2, 3, 4, 5, 6]))
y = F.sum(x)
y.backward()
print(y)
print(x.grad)

x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
y = F.sum(x)
y.backward()
print(y)
print(x.grad)

x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
y = F.sum(x, axis=0)
y.backward()
print(y)
print(x.grad)

x = Variable(np.random.RandomState(0).randn(2, 3, 4, 5))
y = x.sum(keepdims=True)
print(y.shape, x.sum(axis=1).shape, x.sum(axis=-1, keepdims=True).shape)
for axis in (None, 0, 1, -1):
    for keepdims in (False, True):
        x.cleargrad()
        y = F.sum(x ** 2, axis, keepdims)
        y.backward()
        print(axis, keepdims, y.shape, y.data.ravel()[:3], x.grad.data.ravel()[:3])
