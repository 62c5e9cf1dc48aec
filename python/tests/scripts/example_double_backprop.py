"""Penalties on gradients, Hessians, products with Hessians."""
# tolerance: 1e-6
import numpy as np
import dezero
import dezero.functions as F
from dezero import Variable
from dezero.models import MLP

np.random.seed(0)
critic = MLP((16, 16, 1), activation=F.tanh)
x = Variable(np.random.randn(8, 4).astype(np.float32))
y = critic(x)
F.sum(y).backward(create_graph=True)
gx = x.grad
norm = F.sum(gx ** 2, axis=1) ** 0.5
penalty = F.sum((norm - 1.0) ** 2) / len(x)
critic.cleargrads()
x.cleargrad()
penalty.backward()
print(penalty, critic.l0.W.grad.data[0, :4], critic.l1.b.grad.data[:4], critic.l2.W.grad.data[:3, 0])


def rosenbrock(x):
    return F.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (x[:-1] - 1) ** 2)


x = Variable(np.array([0.3, -0.4, 1.2]))
y = rosenbrock(x)
y.backward(create_graph=True)
g = x.grad
rows = []
for i in range(3):
    x.cleargrad()
    g[i].backward(create_graph=True)
    rows.append(x.grad.data.copy())
print(y, g, np.array(rows))

x = Variable(np.array([[0.5, -1.0, 2.0]]))
t = np.array([2])
for function in (lambda x: F.softmax(x) * np.array([1.0, 2.0, 3.0]), lambda x: F.log_softmax(x) ** 2,
                 lambda x: F.sigmoid(x) * F.exp(x), lambda x: x / (x * x + 1), lambda x: F.softmax_cross_entropy(x, t),
                 lambda x: F.log(x ** 2 + 1) ** 3, lambda x: F.mean_squared_error(x, x * x)):
    x.cleargrad()
    y = function(x)
    y.backward(create_graph=True)
    gx = x.grad
    x.cleargrad()
    F.sum(gx ** 2).backward()
    print(gx, x.grad)
