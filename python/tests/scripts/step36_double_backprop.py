"""A gradient within the expression that is differentiated."""
import numpy as np
from dezero import Variable
import dezero.functions as F

x = Variable(np.array(2.0))
y = x ** 2
y.backward(create_graph=True)
gx = x.grad
x.cleargrad()
z = gx ** 3 + y
z.backward()
print(x.grad)

v0 = Variable(np.array([1.0, 2.0, 3.0]))
v1 = Variable(np.array([4.0, -5.0, 6.0]))


def f(x):
    return F.sum(F.tanh(x) * x ** 3)


y = f(v0)
y.backward(create_graph=True)
gx = v0.grad
v0.cleargrad()
dot = F.matmul(v1, gx)  # a product of the Hessian and a vector
dot.backward()
print(gx, dot, v0.grad)
