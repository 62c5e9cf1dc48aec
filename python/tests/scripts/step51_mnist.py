"""Handwritten digits."""
# needs: mnist
# tolerance: 1e-4
import dezero
import dezero.functions as F
from dezero import DataLoader, optimizers
from dezero.models import MLP

max_iter = 50
batch_size = 100
hidden_size = 100

train_set = dezero.datasets.MNIST(train=True, transform=None)
test_set = dezero.datasets.MNIST(train=False, transform=None)
print(len(train_set), len(test_set))
x, t = train_set[0]
print(type(x), x.shape, x.dtype, t, train_set.labels()[int(t)])

train_set = dezero.datasets.MNIST(train=True)
test_set = dezero.datasets.MNIST(train=False)
x, t = train_set[0]
print(x.shape, x.dtype, x.sum(), t)
train_loader = DataLoader(train_set, batch_size)
test_loader = DataLoader(test_set, batch_size, shuffle=False)

model = MLP((hidden_size, hidden_size, 10), activation=F.relu)
optimizer = optimizers.Adam().setup(model)
optimizer.add_hook(optimizers.WeightDecay(1e-4))

import numpy as np

np.random.seed(1)
model(np.zeros((1, 784), np.float32))
train_loader.reset()
for i, (x, t) in enumerate(train_loader):
    if i == max_iter:
        break
    y = model(x)
    loss = F.softmax_cross_entropy(y, t)
    acc = F.accuracy(y, t)
    model.cleargrads()
    loss.backward()
    optimizer.update()
    if i % 10 == 0:
        print('%d %.4f %.2f' % (i, float(loss.data), float(acc.data)))

sum_acc = 0
with dezero.no_grad():
    for x, t in test_loader:
        sum_acc += float(F.accuracy(model(x), t).data) * len(t)
print('%.2f' % (sum_acc / len(test_set)))
