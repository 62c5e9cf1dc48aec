"""A layer finds its parameters by itself."""
# tolerance: 1e-5
import numpy as np
from dezero import Variable, Parameter
import dezero.functions as F
import dezero.layers as L
from dezero import Layer

x = Variable(np.array(1.0))
p = Parameter(np.array(2.0))
y = x * p
print(isinstance(p, Parameter), isinstance(x, Parameter), isinstance(y, Parameter), isinstance(p, Variable))
print(p, y)

layer = Layer()
layer.p1 = Parameter(np.array(1))
layer.p2 = Parameter(np.array(2))
layer.p3 = Variable(np.array(3))
layer.p4 = 'test'
print(sorted(layer._params))
print(sorted(int(p.data) for p in layer.params()))

np.random.seed(0)
x = np.random.rand(100, 1)
y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)
l1 = L.Linear(10)
l2 = L.Linear(1)


def predict(x):
    return l2(F.sigmoid(l1(x)))


print(l1.W, l1.b, l1.in_size, l1.out_size)
lr = 0.2
for i in range(300):
    y_pred = predict(Variable(x))
    loss = F.mean_squared_error(y, y_pred)
    l1.cleargrads()
    l2.cleargrads()
    loss.backward()
    for l in [l1, l2]:
        for p in l.params():
            p.data -= lr * p.grad.data
    if i % 100 == 0:
        print(loss)
print(l1.W.shape, l1.W.dtype, l1.W.name, l1.b.name, l1.in_size)
x_in = Variable(x)
h = l1(x_in)
print(l1.inputs[0]() is x_in, l1.outputs[0]() is h)
