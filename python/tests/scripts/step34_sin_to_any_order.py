"""Derivatives of a sine, one after another, along an interval."""
import numpy as np
from dezero import Variable
import dezero.functions as F

x = Variable(np.linspace(-7, 7, 200))
y = F.sin(x)
y.backward(create_graph=True)
logs = [y.data]
for i in range(3):
    logs.append(x.grad.data)
    gx = x.grad
    x.cleargrad()
    gx.backward(create_graph=True)
for v in logs:
    print(v.shape, v[::20])

x = Variable(np.array(1.0))
for name in ('sin', 'cos', 'exp', 'log', 'tanh'):
    x.cleargrad()
    y = getattr(F, name)(x * 0.7)
    values = [float(y.data)]
    for i in range(5):
        x.cleargrad()
        y.backward(create_graph=True)
        y = x.grad
        values.append(float(y.data))
    print(name, values)
