"""A variable that is used again gathers its gradients; a second pass adds to the first."""
import numpy as np
from dezero import Variable, no_grad, using_config

x = Variable(np.array(3.0))
y = x + x + x
y.backward()
print(x.grad)
y = x + x
y.backward()
print(x.grad)
x.cleargrad()
print(x.grad)

a = x ** 2
y = a ** 2 + a ** 2
y.backward()
print(y, x.grad, a.grad)

with using_config('enable_backprop', False):
    print((x ** 2).creator)
with no_grad():
    y = x * 2
print(y, y.creator, y.generation)

x = Variable(np.array(3.0))
u = x ** 2
v = u + 1
v.unchain()
w = v * x
w.backward()
print(w, x.grad, u.grad, v.grad)
x.cleargrad()
w = (x * x) * (x * x)
w.unchain_backward()
print(w.creator is None, [i.creator for i in w.creator.inputs])
