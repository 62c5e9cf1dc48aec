"""Residual blocks and batch normalisation, trained and tested."""
# tolerance: 1e-4
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import Model, Variable

np.random.seed(0)


class Block(Model):
    def __init__(self, channels):
        super().__init__()
        self.conv1, self.bn1 = L.Conv2d(channels, 3, pad=1, nobias=True), L.BatchNorm()
        self.conv2, self.bn2 = L.Conv2d(channels, 3, pad=1, nobias=True), L.BatchNorm()

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + x)


class Net(Model):
    def __init__(self):
        super().__init__()
        self.head = L.Conv2d(4, 3, 2, 1)
        self.blocks = dezero.models.Sequential(Block(4), Block(4))
        self.fc = L.Linear(3)

    def forward(self, x):
        h = self.blocks(self.head(x))
        return self.fc(F.average_pooling(h, h.shape[2:]).reshape(len(x), -1))


model = Net()
x = np.random.randn(6, 2, 8, 8).astype(np.float32)
t = np.array([0, 1, 2, 0, 1, 2])
optimizer = dezero.optimizers.MomentumSGD(0.05).setup(model)
for i in range(6):
    loss = F.softmax_cross_entropy(model(x), t)
    model.cleargrads()
    loss.backward()
    optimizer.update()
    print(loss)
with dezero.test_mode(), dezero.no_grad():
    print(model(x))
bn = model.blocks.l0.bn1
print(bn.avg_mean, bn.avg_var.data, bn.gamma.data, bn.beta.data)
print(bn.avg_mean.grad, bn.gamma.grad.shape, len(list(model.params())))
