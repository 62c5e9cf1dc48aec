"""Where a network looks: the gradient of a class at an inner layer."""
# tolerance: 1e-4
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L

np.random.seed(0)


class Net(dezero.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = L.Conv2d(6, kernel_size=3, pad=1)
        self.conv2 = L.Conv2d(8, kernel_size=3, pad=1)
        self.fc = L.Linear(5)

    def forward(self, x):
        h = F.relu(self.conv2(F.pooling(F.relu(self.conv1(x)), 2, 2)))
        h = F.average_pooling(h, h.shape[2:])
        return self.fc(F.reshape(h, (len(x), -1)))


model = Net()
x = np.random.rand(1, 3, 12, 12).astype(np.float32)
with dezero.test_mode():
    y = model(x)
predicted = int(np.argmax(y.data))
print(predicted, y)
last = model.conv2.outputs[0]()
score = y[0, predicted]
score.backward(retain_grad=True)
last = model.conv2.outputs[0]()
grads = last.grad
print(last.shape, grads.shape)
weights = grads.data.mean(axis=(2, 3), keepdims=True)
heatmap = np.maximum((last.data * weights).sum(axis=1)[0], 0)
heatmap /= heatmap.max() + 1e-12
print(weights.ravel()[:4])
print(heatmap)
