"""A script that would use a GPU and finds none."""
# tolerance: 1e-4
import numpy as np
import dezero
import dezero.functions as F
from dezero import DataLoader, optimizers
from dezero.models import MLP

print(dezero.cuda.gpu_enable)
train_loader = DataLoader(dezero.datasets.Spiral(), 100)
model = MLP((50, 3), activation=F.relu)
optimizer = optimizers.SGD(0.5).setup(model)

if dezero.cuda.gpu_enable:
    train_loader.to_gpu()
    model.to_gpu()
else:
    train_loader.to_cpu()
    model(np.zeros((1, 2), np.float32))
    model.to_cpu()

for epoch in range(3):
    sum_loss = 0
    for x, t in train_loader:
        xp = dezero.cuda.get_array_module(x)
        y = model(x)
        loss = F.softmax_cross_entropy(y, t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        sum_loss += float(loss.data) * len(t)
    print('epoch: {}, loss: {:.4f}'.format(epoch + 1, sum_loss / 300), xp.__name__)

x = dezero.Variable(np.array([1.0, 2.0]))
x.to_cpu()
print(dezero.cuda.get_array_module(x) is np, dezero.cuda.as_numpy(x), dezero.cuda.as_numpy(3.0))
try:
    x.to_gpu()
except Exception as error:
    print('no GPU')
try:
    dezero.cuda.as_cupy(np.ones(3))
except Exception as error:
    print('no GPU')
