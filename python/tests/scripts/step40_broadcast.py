"""Small arrays are stretched; their gradients are summed back."""
import numpy as np
import dezero.functions as F
from dezero import Variable
from dezero.utils import sum_to

x = np.array([[1, 2, 3], [4, 5, 6]])
print(sum_to(x, (1, 3)))
print(sum_to(x, (2, 1)))

x0 = Variable(np.array([1, 2, 3]))
x1 = Variable(np.array([10]))
y = x0 + x1
print(y)
y.backward()
print(x0.grad)
print(x1.grad)

x = Variable(np.array([1.0, 2.0, 3.0]))
y = F.broadcast_to(x, (2, 3))
(y * np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).backward()
print(y, x.grad)
x = Variable(np.arange(6.0).reshape(2, 3))
y = F.sum_to(x, (1, 3))
(y * y).backward()
print(y, x.grad)
print(F.sum_to(x, (2, 3)) is x, F.broadcast_to(x, (2, 3)) is x)

a = Variable(np.arange(1.0, 4.0))
b = Variable(np.arange(1.0, 3.0).reshape(2, 1))
for operation in (lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b):
    a.cleargrad()
    b.cleargrad()
    y = operation(a, b)
    y.backward()
    print(y, a.grad, b.grad)
