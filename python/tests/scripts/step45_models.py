"""Models: written by hand, put in a row, and the ready perceptron."""
# tolerance: 1e-5
import numpy as np
from dezero import Model, Variable
import dezero.functions as F
import dezero.layers as L
from dezero.models import MLP, Sequential

np.random.seed(0)
x = np.random.rand(100, 1)
y = np.sin(2 * np.pi * x) + np.random.rand(100, 1)


class TwoLayerNet(Model):
    def __init__(self, hidden_size, out_size):
        super().__init__()
        self.l1 = L.Linear(hidden_size)
        self.l2 = L.Linear(out_size)

    def forward(self, x):
        y = F.sigmoid(self.l1(x))
        y = self.l2(y)
        return y


def train(model, iters=200, lr=0.2):
    for i in range(iters):
        y_pred = model(Variable(x))
        loss = F.mean_squared_error(y, y_pred)
        model.cleargrads()
        loss.backward()
        for p in model.params():
            p.data -= lr * p.grad.data
        if i % 50 == 0:
            print(loss)


train(TwoLayerNet(10, 1))
train(MLP((10, 1)))
train(MLP((10, 20, 30, 1), activation=F.tanh))
train(Sequential(L.Linear(7), L.Linear(1)))
model = MLP((3, 2))
print(sorted(model._params), len(model.layers), len(list(model.params())))
