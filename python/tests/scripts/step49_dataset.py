"""Datasets, ready and of one's own."""
# tolerance: 1e-4
import math
import numpy as np
import dezero
from dezero import Dataset, optimizers
import dezero.functions as F
from dezero.models import MLP

train_set = dezero.datasets.Spiral(train=True)
print(train_set[0], len(train_set))
batch = [train_set[i] for i in [0, 1, 2]]
x = np.array([example[0] for example in batch])
t = np.array([example[1] for example in batch])
print(x.shape, t.shape)


class Squares(Dataset):
    def prepare(self):
        self.data = np.arange(10)
        if self.train:
            self.label = self.data ** 2


print(Squares()[3], Squares(train=False)[3], len(Squares()))
print(Squares(transform=lambda x: x + 100, target_transform=lambda t: -t)[4])


class Big(Dataset):
    def __getitem__(self, index):
        return np.full(3, index), index

    def __len__(self):
        return 1000000


print(Big()[999999], len(Big()))

model = MLP((10, 3))
optimizer = optimizers.SGD(1.0).setup(model)
data_size = len(train_set)
for epoch in range(5):
    index = np.random.permutation(data_size)
    sum_loss = 0
    for i in range(math.ceil(data_size / 30)):
        batch = [train_set[i] for i in index[i * 30:(i + 1) * 30]]
        batch_x = np.array([example[0] for example in batch])
        batch_t = np.array([example[1] for example in batch])
        y = model(batch_x)
        loss = F.softmax_cross_entropy(y, batch_t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        sum_loss += float(loss.data) * len(batch_t)
    print('epoch %d, loss %.2f' % (epoch + 1, sum_loss / data_size))
