"""A loader makes the batches; training and test data are told apart."""
# tolerance: 1e-4
import numpy as np
import dezero
from dezero import DataLoader, optimizers
from dezero.datasets import Spiral
import dezero.functions as F
from dezero.models import MLP

train_loader = DataLoader(Spiral(train=True), 30)
test_loader = DataLoader(Spiral(train=False), 30, shuffle=False)
x, t = next(test_loader)
print(x.shape, t.shape, x[0], t)
test_loader.reset()
print(train_loader.data_size, train_loader.max_iter, train_loader.batch_size, train_loader.iteration)

y = np.array([[0.2, 0.8, 0], [0.1, 0.9, 0], [0.8, 0.1, 0.1]])
t = np.array([1, 2, 0])
print(F.accuracy(y, t))

model = MLP((10, 3))
optimizer = optimizers.SGD(1.0).setup(model)
for epoch in range(10):
    sum_loss, sum_acc = 0, 0
    for x, t in train_loader:
        y = model(x)
        loss = F.softmax_cross_entropy(y, t)
        acc = F.accuracy(y, t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        sum_loss += float(loss.data) * len(t)
        sum_acc += float(acc.data) * len(t)
    print('epoch: {}'.format(epoch + 1))
    print('train loss: {:.4f}, accuracy: {:.4f}'.format(sum_loss / 300, sum_acc / 300))

    sum_loss, sum_acc = 0, 0
    with dezero.no_grad():
        for x, t in test_loader:
            y = model(x)
            loss = F.softmax_cross_entropy(y, t)
            acc = F.accuracy(y, t)
            sum_loss += float(loss.data) * len(t)
            sum_acc += float(acc.data) * len(t)
    print('test loss: {:.4f}, accuracy: {:.4f}'.format(sum_loss / 300, sum_acc / 300))
