"""A small convolutional network on some of the digits."""
# needs: mnist
# tolerance: 1e-3
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L
from dezero import DataLoader, Model
from dezero.transforms import Compose, Normalize, ToFloat

np.random.seed(0)


class Net(Model):
    def __init__(self):
        super().__init__()
        self.conv1 = L.Conv2d(8, 3, stride=1, pad=1)
        self.bn1 = L.BatchNorm()
        self.conv2 = L.Conv2d(8, 3, stride=2, pad=1)
        self.fc = L.Linear(10)

    def forward(self, x):
        h = F.pooling(F.relu(self.bn1(self.conv1(x))), 2, 2)
        h = F.relu(self.conv2(h))
        return self.fc(F.dropout(F.flatten(h), 0.2))


digits = dezero.datasets.MNIST(train=False, transform=Compose([ToFloat(), Normalize(0., 255.)]), target_transform=int)
digits.data, digits.label = digits.data[:600], digits.label[:600]
loader = DataLoader(digits, 50)
model = Net()
optimizer = dezero.optimizers.MomentumSGD(0.01).setup(model)
for epoch in range(1):
    sum_loss = sum_acc = 0
    for x, t in loader:
        y = model(x)
        loss = F.softmax_cross_entropy(y, t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        sum_loss += float(loss.data)
        sum_acc += float(F.accuracy(y, t).data)
    print('%.4f %.2f' % (sum_loss / loader.max_iter, sum_acc / loader.max_iter))
with dezero.no_grad(), dezero.test_mode():
    print('%.4f' % float(F.softmax_cross_entropy(model(x), t).data))
