//! What the large networks are made of, for the programs that build them from convolutions.

/// The kernels (out, in, 3, 3) of VGG16; a max pooling follows each of these blocks.
pub fn vgg16_blocks() -> Vec<Vec<[usize; 4]>> {
    let mut channels = 3;
    [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]
        .map(|(count, width)| {
            let kernel = |_| [width, std::mem::replace(&mut channels, width), 3, 3];
            (0..count).map(kernel).collect()
        })
        .into()
}

/// The linear layers of VGG16, (in, out).
pub const VGG16_LINEAR: [[usize; 2]; 3] = [[25088, 4096], [4096, 4096], [4096, 1000]];

/// Three convolutions of 1x1, 3x3 and 1x1 with `middle`, `middle` and `4 * middle` channels, added to what comes in.
pub struct Bottleneck {
    /// Of what comes in.
    pub channels: usize,
    pub middle: usize,
    /// Of the first convolution and of the projection.
    pub stride: usize,
    /// Whether what comes in goes through a 1x1 convolution of its own.
    pub projected: bool,
}

/// The blocks of ResNet-50, between the 7x7 convolution and the linear layer.
pub fn resnet50_blocks() -> Vec<Bottleneck> {
    let mut channels = 64;
    let mut blocks = Vec::new();
    for (stage, (count, middle)) in [(3, 64), (4, 128), (6, 256), (3, 512)]
        .into_iter()
        .enumerate()
    {
        for i in 0..count {
            blocks.push(Bottleneck {
                channels: std::mem::replace(&mut channels, 4 * middle),
                middle,
                stride: if stage > 0 && i == 0 { 2 } else { 1 },
                projected: i == 0,
            });
        }
    }
    blocks
}
