"""The backward pass builds a graph of its own when asked to."""
import numpy as np
from dezero import Variable
import dezero.functions as F

x = Variable(np.array(1.0))
y = F.sin(x)
y.backward(create_graph=True)
gx = x.grad
print(gx)
x.cleargrad()
gx.backward(create_graph=True)
print(x.grad)
gx = x.grad
x.cleargrad()
gx.backward()
print(x.grad, x.grad.creator)

x = Variable(np.array([1.0, 2.0, 3.0]))
y = x * x * x
y.backward(create_graph=True)
gx = x.grad
x.cleargrad()
gx.backward()
print(gx, x.grad)
