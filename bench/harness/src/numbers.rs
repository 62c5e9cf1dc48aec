//! Numbers that are the same in every language.

/// The width of a uniform distribution whose variance is 1.
pub const UNIT: f64 = 3.4641016151377544;

/// `n` numbers between -scale / 2 and scale / 2: a hash of their place, and of `k`.
pub fn fill(k: u32, n: usize, scale: f64) -> impl ExactSizeIterator<Item = f64> {
    (0..n).map(move |i| {
        let mut h = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(k * 97);
        h ^= h >> 16;
        h = h.wrapping_mul(0x045d_9f3b);
        h ^= h >> 16;
        (f64::from(h) / 4_294_967_296.0 - 0.5) * scale
    })
}

/// The k-th weights of a network, after He: (in, out) of a linear layer, (out, in, KH, KW) of a convolution.
pub fn weight(k: u32, shape: &[usize]) -> Vec<f32> {
    let fan_in = match *shape {
        [fan_in, _] => fan_in,
        _ => shape[1..].iter().product(),
    };
    let scale = (24.0 / fan_in as f64).sqrt();
    fill(k, shape.iter().product(), scale)
        .map(|x| x as f32)
        .collect()
}

/// i mod classes.
pub fn labels(n: usize, classes: usize) -> Vec<i64> {
    (0..n).map(|i| (i % classes) as i64).collect()
}
