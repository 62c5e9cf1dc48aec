"""The same network under every optimizer and hook."""
# tolerance: 1e-5
import numpy as np
from dezero import Variable, optimizers
import dezero.functions as F
from dezero.models import MLP
from dezero.optimizers import Adam, ClipGrad, SGD, WeightDecay

iters = 100


def data():
    np.random.seed(0)
    x = np.random.rand(100, 1)
    return x, np.sin(2 * np.pi * x) + np.random.rand(100, 1)


def train(optimizer, hooks=()):
    x, y = data()
    model = MLP((10, 1))
    optimizer = optimizer.setup(model)
    model(x)
    for hook in hooks:
        optimizer.add_hook(hook(model))
    for i in range(iters):
        y_pred = model(x)
        loss = F.mean_squared_error(y, y_pred)
        model.cleargrads()
        loss.backward()
        optimizer.update()
    print(type(optimizer).__name__, loss, model.l0.W.data.ravel()[:3], model.l1.b)


train(optimizers.SGD(0.2))
train(optimizers.SGD())
train(optimizers.MomentumSGD(lr=0.1))
train(optimizers.MomentumSGD(0.05, 0.5))
train(optimizers.AdaGrad(lr=0.1))
train(optimizers.AdaDelta())
train(Adam())
train(Adam(alpha=0.05, beta1=0.8, beta2=0.99))
train(SGD(0.2), [lambda model: WeightDecay(1e-3)])
train(SGD(0.2), [lambda model: ClipGrad(0.1)])
train(Adam(), [lambda model: WeightDecay(1e-2), lambda model: ClipGrad(1.0)])

adam = Adam()
adam.t = 3
print(adam.lr, adam.alpha, adam.hooks, adam.target)
