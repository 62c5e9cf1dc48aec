"""Changes of shape, and their gradients."""
import numpy as np
import dezero.functions as F
from dezero import Variable

x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
y = F.reshape(x, (6,))
print(y)
y.backward(retain_grad=True)
print(x.grad)

x = Variable(np.arange(6.0).reshape(1, 2, 3))
print(x.reshape((2, 3)), x.reshape(2, 3).shape, x.reshape([3, 2]).shape, x.reshape(-1).shape)

x = Variable(np.array([[1, 2, 3], [4, 5, 6]]))
y = F.transpose(x)
print(y)
y.backward()
print(x.grad)
print(x.T, x.transpose())

A, B, C, D = 1, 2, 3, 4
x = Variable(np.arange(24.0).reshape(A, B, C, D))
y = x.transpose(1, 0, 3, 2)
print(y.shape, x.transpose((3, 2, 1, 0)).shape, x.transpose([0, 2, 1, 3]).shape)
(y * y).backward()
print(x.grad)
y = F.transpose(x, (-1, 0, -2, 1))
x.cleargrad()
(y ** 2).backward()
print(y.shape, x.grad.shape, x.grad.data.ravel()[:6])
print(F.expand_dims(x, 0).shape, F.flatten(x).shape)
