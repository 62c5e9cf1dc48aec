"""An image is optimised, not the weights: content and style by Gram matrices."""
# tolerance: 1e-4
import numpy as np
import dezero
import dezero.functions as F
import dezero.layers as L

np.random.seed(0)


class Features(dezero.Model):
    def __init__(self):
        super().__init__()
        self.conv1_1 = L.Conv2d(6, kernel_size=3, pad=1)
        self.conv2_1 = L.Conv2d(8, kernel_size=3, pad=1)

    def forward(self, x):
        c1 = F.relu(self.conv1_1(x))
        c2 = F.relu(self.conv2_1(F.pooling(c1, 2, 2)))
        return [c1, c2]


def gram_mat(x):
    N, C, H, W = x.shape
    features = x.reshape(C, -1)
    return F.matmul(features, features.T) / (C * H * W)


model = Features()
content_img = np.random.rand(1, 3, 10, 10).astype(np.float32)
style_img = np.random.rand(1, 3, 10, 10).astype(np.float32)
model.forward(content_img)
with dezero.no_grad():
    content_mats = model.forward(content_img)
    style_mats = [gram_mat(f) for f in model.forward(style_img)]

target = dezero.Parameter(content_img.copy())
holder = dezero.Layer()
holder.target = target
optimizer = dezero.optimizers.AdaGrad(lr=0.1).setup(holder)
for i in range(10):
    features = model.forward(target)
    loss = 1e-2 * F.mean_squared_error(features[1], content_mats[1])
    for f, s in zip(features, style_mats):
        loss += F.mean_squared_error(gram_mat(f), s)
    h, w = target.shape[2:]
    tv = F.sum((target[:, :, 1:] - target[:, :, :h - 1]) ** 2) + F.sum((target[:, :, :, 1:] - target[:, :, :, :w - 1]) ** 2)
    loss = loss + 1e-5 * tv
    model.cleargrads()
    holder.cleargrads()
    loss.backward()
    optimizer.update()
    target.data = np.clip(target.data, 0, 1)
    print(loss)
print(target.data[0, 0, 0])
