"""Three classes in a spiral: batches by hand."""
# tolerance: 1e-4
import math
import numpy as np
import dezero
from dezero import optimizers
import dezero.functions as F
from dezero.models import MLP

max_epoch = 20
batch_size = 30
hidden_size = 10
lr = 1.0

x, t = dezero.datasets.get_spiral(train=True)
print(x.shape, x.dtype, t.shape, x[10], t[10], x[110], t[110])
model = MLP((hidden_size, 3))
optimizer = optimizers.SGD(lr).setup(model)
data_size = len(x)
max_iter = math.ceil(data_size / batch_size)

for epoch in range(max_epoch):
    index = np.random.permutation(data_size)
    sum_loss = 0
    for i in range(max_iter):
        batch_index = index[i * batch_size:(i + 1) * batch_size]
        batch_x = x[batch_index]
        batch_t = t[batch_index]
        y = model(batch_x)
        loss = F.softmax_cross_entropy(y, batch_t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        sum_loss += float(loss.data) * len(batch_t)
    print('epoch %d, loss %.4f' % (epoch + 1, sum_loss / data_size))

h = 0.5
xx, yy = np.meshgrid(np.arange(x[:, 0].min() - .1, x[:, 0].max() + .1, h), np.arange(x[:, 1].min() - .1, x[:, 1].max() + .1, h))
with dezero.no_grad():
    score = model(np.c_[xx.ravel(), yy.ravel()])
print(score.shape, np.argmax(score.data, axis=1))
