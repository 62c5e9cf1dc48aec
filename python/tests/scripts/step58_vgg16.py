"""VGG16 with random weights on a small image."""
# tolerance: 1e-4
import numpy as np
from PIL import Image
import dezero
from dezero.models import VGG16

np.random.seed(0)
model = VGG16(pretrained=False)
print(len(model._params), len(list(model.params())))
image = Image.fromarray((np.arange(40 * 50 * 3) % 251).astype(np.uint8).reshape(40, 50, 3))
x = VGG16.preprocess(image)
print(x.shape, x.dtype, x[:, 100, 100])
x = VGG16.preprocess(image, size=(32, 32))
x = x[np.newaxis]
with dezero.test_mode(), dezero.no_grad():
    y = model(x)
print(y.shape, np.argmax(y.data), y.data[0, :5])
print(model.conv1_1.W.shape, model.fc6.W.shape, model.fc8.b.shape)
