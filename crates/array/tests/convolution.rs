//! Convolutions against their definition, a sum over seven indices, and against each other.

use dezero_array::{Array, Conv2dParams, DType};

/// Sizes of one case: images, in channels, out channels, image, kernel.
struct Case {
    n: usize,
    c: usize,
    o: usize,
    image: (usize, usize),
    kernel: (usize, usize),
    params: Conv2dParams,
}

fn case(
    (n, c, o): (usize, usize, usize),
    image: (usize, usize),
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
    dilation: (usize, usize),
    groups: usize,
) -> Case {
    Case {
        n,
        c,
        o,
        image,
        kernel,
        params: Conv2dParams {
            stride,
            padding,
            dilation,
            groups,
        },
    }
}

fn cases() -> Vec<Case> {
    vec![
        case((2, 3, 4), (5, 7), (3, 2), (1, 1), (0, 0), (1, 1), 1),
        case((1, 1, 1), (1, 1), (1, 1), (1, 1), (0, 0), (1, 1), 1),
        case((2, 3, 5), (9, 6), (3, 4), (2, 3), (1, 2), (1, 1), 1),
        case((2, 4, 6), (11, 8), (2, 3), (1, 2), (2, 1), (3, 2), 1),
        case((3, 4, 6), (6, 5), (3, 3), (1, 1), (1, 1), (1, 1), 2),
        case((2, 6, 6), (7, 9), (3, 5), (2, 1), (1, 2), (1, 1), 6),
        case((2, 3, 6), (7, 9), (3, 3), (1, 1), (1, 1), (1, 1), 3),
        case((2, 5, 7), (6, 4), (1, 1), (1, 1), (0, 0), (1, 1), 1),
        case((2, 5, 7), (6, 5), (1, 1), (2, 2), (0, 0), (1, 1), 1),
        case((1, 3, 4), (4, 4), (4, 4), (1, 1), (0, 0), (1, 1), 1),
        case((1, 2, 3), (3, 3), (3, 3), (1, 1), (3, 3), (1, 1), 1),
        case((1, 2, 3), (2, 9), (1, 3), (3, 3), (4, 5), (1, 2), 1),
        case((2, 3, 20), (23, 21), (7, 7), (2, 2), (3, 3), (1, 1), 1),
        case((2, 16, 24), (14, 14), (3, 3), (1, 1), (1, 1), (1, 1), 1),
        case((1, 33, 17), (12, 19), (3, 3), (1, 1), (1, 1), (1, 1), 1),
        case((2, 17, 35), (13, 10), (3, 3), (1, 1), (0, 2), (1, 1), 1),
        case((1, 32, 40), (9, 30), (3, 3), (2, 2), (1, 1), (1, 1), 1),
        case((1, 40, 64), (17, 18), (3, 3), (1, 1), (2, 2), (2, 2), 2),
        case((3, 64, 32), (8, 8), (3, 3), (1, 1), (1, 1), (1, 1), 1),
        case((1, 70, 20), (10, 40), (1, 1), (1, 1), (0, 0), (1, 1), 1),
        case((1, 2, 3), (40, 70), (3, 3), (1, 1), (1, 1), (1, 1), 1),
        case((2, 17, 50), (21, 73), (3, 3), (1, 1), (2, 0), (1, 1), 1),
        case((2, 20, 30), (21, 33), (3, 3), (1, 1), (3, 4), (1, 1), 1),
        case((1, 160, 140), (12, 40), (3, 3), (1, 1), (1, 1), (1, 1), 1),
        case((1, 512, 12), (7, 40), (1, 1), (2, 1), (0, 0), (1, 1), 1),
    ]
}

/// Numbers in (-1, 1) without a pattern that sums could hide.
fn numbers(shape: &[usize], seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..shape.iter().product::<usize>())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

fn array(values: &[f64], shape: &[usize], dtype: DType) -> Array {
    match dtype {
        DType::F32 => Array::from_vec(values.iter().map(|&x| x as f32).collect(), shape),
        _ => Array::from_slice(values, shape),
    }
}

fn values(x: &Array) -> Vec<f64> {
    match x.dtype() {
        DType::F32 => x.to_vec::<f32>().into_iter().map(f64::from).collect(),
        _ => x.to_vec(),
    }
}

impl Case {
    fn out(&self) -> (usize, usize) {
        self.params.output_size(self.image, self.kernel)
    }

    fn x_shape(&self) -> [usize; 4] {
        [self.n, self.c, self.image.0, self.image.1]
    }

    fn w_shape(&self) -> [usize; 4] {
        let c = self.c / self.params.groups;
        [self.o, c, self.kernel.0, self.kernel.1]
    }

    fn y_shape(&self) -> [usize; 4] {
        [self.n, self.o, self.out().0, self.out().1]
    }

    /// Calls `f(x, w, y)` with the flat positions of every product of the definition.
    fn for_each_product(&self, mut f: impl FnMut(usize, usize, usize)) {
        let p = &self.params;
        let [_, c, kh, kw] = self.w_shape();
        let [_, _, oh, ow] = self.y_shape();
        let (h, w) = self.image;
        for image in 0..self.n {
            for o in 0..self.o {
                for (row, column) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
                    for k in 0..c {
                        for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
                            let y = row * p.stride.0 + i * p.dilation.0;
                            let x = column * p.stride.1 + j * p.dilation.1;
                            let (Some(y), Some(x)) =
                                (y.checked_sub(p.padding.0), x.checked_sub(p.padding.1))
                            else {
                                continue;
                            };
                            if y >= h || x >= w {
                                continue;
                            }
                            let channel = o / (self.o / p.groups) * c + k;
                            f(
                                ((image * self.c + channel) * h + y) * w + x,
                                ((o * c + k) * kh + i) * kw + j,
                                ((image * self.o + o) * oh + row) * ow + column,
                            );
                        }
                    }
                }
            }
        }
    }
}

#[track_caller]
fn assert_close(found: &Array, expected: &[f64], shape: &[usize], what: &str) {
    assert_eq!(found.shape(), shape, "{what}");
    let tolerance = if found.dtype() == DType::F32 {
        2e-5
    } else {
        1e-12
    };
    let largest = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    for (i, (x, y)) in values(found).iter().zip(expected).enumerate() {
        assert!(
            (x - y).abs() <= tolerance * largest,
            "{what}: element {i} is {x}, expected {y}"
        );
    }
}

#[test]
fn forward_and_gradients_agree_with_the_definition() {
    for (i, case) in cases().iter().enumerate() {
        let (x, w) = (numbers(&case.x_shape(), 1), numbers(&case.w_shape(), 2));
        let (b, gy) = (numbers(&[case.o], 3), numbers(&case.y_shape(), 4));
        let plane = case.out().0 * case.out().1;
        let mut y: Vec<f64> = (0..gy.len()).map(|i| b[i / plane % case.o]).collect();
        let mut gx = vec![0.0; x.len()];
        let mut gw = vec![0.0; w.len()];
        case.for_each_product(|at_x, at_w, at_y| {
            y[at_y] += x[at_x] * w[at_w];
            gx[at_x] += gy[at_y] * w[at_w];
            gw[at_w] += gy[at_y] * x[at_x];
        });
        for dtype in [DType::F32, DType::F64] {
            let params = &case.params;
            let what = format!("case {i} {dtype}");
            let ax = array(&x, &case.x_shape(), dtype);
            let aw = array(&w, &case.w_shape(), dtype);
            let ab = array(&b, &[case.o], dtype);
            let agy = array(&gy, &case.y_shape(), dtype);
            let ay = ax.conv2d(&aw, Some(&ab), params);
            assert_eq!(ay.dtype(), dtype);
            assert_close(&ay, &y, &case.y_shape(), &format!("{what} forward"));
            let agx = agy.conv2d_input_grad(&aw, case.image, params);
            assert_close(&agx, &gx, &case.x_shape(), &format!("{what} input"));
            let agw = ax.conv2d_weight_grad(&agy, case.kernel, params);
            assert_close(&agw, &gw, &case.w_shape(), &format!("{what} weight"));
        }
    }
}

#[test]
fn the_gradients_are_transposes() {
    let dot =
        |a: &Array, b: &Array| -> f64 { values(a).iter().zip(values(b)).map(|(x, y)| x * y).sum() };
    for (i, case) in cases().iter().enumerate() {
        let params = &case.params;
        let x = array(&numbers(&case.x_shape(), 5), &case.x_shape(), DType::F64);
        let w = array(&numbers(&case.w_shape(), 6), &case.w_shape(), DType::F64);
        let gy = array(&numbers(&case.y_shape(), 7), &case.y_shape(), DType::F64);
        let product = dot(&x.conv2d(&w, None, params), &gy);
        let by_input = dot(&x, &gy.conv2d_input_grad(&w, case.image, params));
        let by_weight = dot(&w, &x.conv2d_weight_grad(&gy, case.kernel, params));
        let spread = gy.conv_transpose2d(&w, None, case.image, params);
        let tolerance = 1e-10 * product.abs().max(1.0);
        assert!((product - by_input).abs() < tolerance, "case {i} input");
        assert!((product - by_weight).abs() < tolerance, "case {i} weight");
        assert!((product - dot(&x, &spread)).abs() < tolerance, "case {i}");
        let columns = x.im2col(case.kernel, params);
        let other = array(&numbers(columns.shape(), 8), columns.shape(), DType::F64);
        let by_columns = dot(&x, &other.col2im(case.image, params));
        let product = dot(&columns, &other);
        let tolerance = 1e-10 * product.abs().max(1.0);
        assert!((product - by_columns).abs() < tolerance, "case {i} im2col");
    }
}

#[test]
fn transposed_views_convolve() {
    let shape = [9, 8, 3, 2];
    let x = array(&numbers(&shape, 9), &shape, DType::F32).transpose();
    let w = array(&numbers(&[3, 3, 3, 4], 10), &[3, 3, 3, 4], DType::F32).transpose();
    let params = Conv2dParams::default();
    let y = x.conv2d(&w, None, &params);
    assert_eq!(y.shape(), [2, 4, 6, 7]);
    let copied = x.copy().conv2d(&w.copy(), None, &params);
    assert_eq!(y.to_vec::<f32>(), copied.to_vec::<f32>());
}

#[test]
fn im2col_of_integers() {
    let x = Array::new([[[[1, 2, 3], [4, 5, 6]]]]);
    let params = Conv2dParams {
        padding: (0, 1),
        stride: (1, 2),
        ..Default::default()
    };
    let y = x.im2col((2, 2), &params);
    assert_eq!(y.shape(), [1, 1, 2, 2, 1, 2]);
    assert_eq!(y.to_vec::<i64>(), [0, 2, 1, 3, 0, 5, 4, 6]);
    assert_eq!(
        y.col2im((2, 3), &params).to_vec::<i64>(),
        [1, 2, 3, 4, 5, 6]
    );
}

#[test]
fn no_images() {
    let x = Array::zeros([0, 3, 5, 5], DType::F32);
    let w = Array::ones([4, 3, 3, 3], DType::F32);
    let params = Conv2dParams::default();
    let y = x.conv2d(&w, None, &params);
    assert_eq!(y.shape(), [0, 4, 3, 3]);
    assert_eq!(y.conv2d_input_grad(&w, (5, 5), &params).shape(), x.shape());
    let gw = x.conv2d_weight_grad(&y, (3, 3), &params);
    assert_eq!(gw.to_vec::<f32>(), [0.0; 108]);
}

fn conv(x: [usize; 4], w: [usize; 4], params: Conv2dParams) {
    Array::zeros(x, DType::F32).conv2d(&Array::zeros(w, DType::F32), None, &params);
}

#[test]
#[should_panic(
    expected = "conv2d: kernel (5, 3) with dilation (1, 1) is larger than image (2, 4) with padding (1, 0)"
)]
fn kernel_larger_than_image() {
    let params = Conv2dParams {
        padding: (1, 0),
        ..Default::default()
    };
    conv([1, 2, 2, 4], [1, 2, 5, 3], params);
}

#[test]
#[should_panic(expected = "conv2d: stride (1, 0) has a zero")]
fn zero_stride() {
    let params = Conv2dParams {
        stride: (1, 0),
        ..Default::default()
    };
    conv([1, 2, 4, 4], [1, 2, 3, 3], params);
}

#[test]
#[should_panic(expected = "conv2d: weight [4, 3, 3, 3] in 2 groups takes 6 input channels, got 3")]
fn channels_do_not_fit() {
    let params = Conv2dParams {
        groups: 2,
        ..Default::default()
    };
    conv([1, 3, 4, 4], [4, 3, 3, 3], params);
}

#[test]
#[should_panic(expected = "conv2d: 3 filters of weight [3, 2, 3, 3] do not split into 2 groups")]
fn filters_do_not_split() {
    let params = Conv2dParams {
        groups: 2,
        ..Default::default()
    };
    conv([1, 4, 4, 4], [3, 2, 3, 3], params);
}

#[test]
#[should_panic(
    expected = "conv2d_input_grad: image (4, 4) and kernel (3, 3) give an output of \
                           shape [1, 2, 2, 2], got [1, 2, 3, 2]"
)]
fn gradient_of_another_size() {
    let gy = Array::zeros([1, 2, 3, 2], DType::F32);
    let w = Array::zeros([2, 1, 3, 3], DType::F32);
    gy.conv2d_input_grad(&w, (4, 4), &Conv2dParams::default());
}
