"""How large the output of a convolution is."""
from dezero.utils import get_conv_outsize, get_deconv_outsize, pair

H, W = 4, 4
KH, KW = 3, 3
SH, SW = 1, 1
PH, PW = 1, 1
print(get_conv_outsize(H, KH, SH, PH), get_conv_outsize(W, KW, SW, PW))
for size in (5, 7, 28, 224):
    for kernel in (1, 3, 5):
        for stride in (1, 2, 3):
            for pad in (0, 1, 2):
                print(get_conv_outsize(size, kernel, stride, pad), get_deconv_outsize(size, kernel, stride, pad), end=' ')
    print()
print(pair(1), pair((1, 2)))
