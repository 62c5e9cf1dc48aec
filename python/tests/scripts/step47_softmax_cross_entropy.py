"""Slices, softmax, and the loss of a classifier."""
import numpy as np
from dezero import Variable, as_variable
import dezero.functions as F
from dezero.models import MLP

x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
y = F.get_item(x, 1)
print(y)
y.backward()
print(x.grad)
indices = np.array([0, 0, 1])
y = F.get_item(x, indices)
print(y)
x.cleargrad()
y.backward()
print(x.grad)
print(x[1], x[:, 2], x[..., 0], x[0, 1:], x[::-1], x[np.array([True, False])])


def softmax1d(x):
    x = as_variable(x)
    y = F.exp(x)
    return y / F.sum(y)


x = Variable(np.array([[0.2, -0.4]]))
print(softmax1d(x), F.softmax_simple(x), F.softmax(x), F.log_softmax(x))

np.random.seed(0)
x = np.array([[0.2, -0.4], [0.3, 0.5], [1.3, -3.2], [2.1, 0.3]])
t = np.array([2, 0, 1, 0])
x = Variable(x)
W = Variable(np.random.randn(2, 3))
y = F.matmul(x, W)
p = F.softmax(y)
print(y)
print(p)
loss = F.softmax_cross_entropy_simple(y, t)
loss.backward()
print(loss, W.grad)
g = W.grad
W.cleargrad()
loss = F.softmax_cross_entropy(F.matmul(x, W), t)
loss.backward()
print(loss, W.grad)
print(F.accuracy(y, t), F.accuracy(y, Variable(t)))
