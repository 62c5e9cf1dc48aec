"""Products of matrices and of vectors."""
import numpy as np
from dezero import Variable
import dezero.functions as F

x = Variable(np.arange(1.0, 7.0).reshape(2, 3))
W = Variable(np.arange(1.0, 13.0).reshape(3, 4))
y = F.matmul(x, W)
y.backward()
print(y)
print(x.grad.shape, W.grad.shape)
print(x.grad)
print(W.grad)

a = Variable(np.array([1, 2, 3]))
b = Variable(np.array([4, 5, 6]))
print(F.matmul(a, b))
print(x.dot(W), x.matmaul(W.data).shape)
x.cleargrad()
z = F.matmul(F.matmul(x, W), W.T)
z.backward()
print(z, x.grad)
