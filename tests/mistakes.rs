//! What a user's mistake says, and where: each panics at the user's line with what would be right.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Mutex;

use dezero::functions::{self, Conv2dParams, Pool2dParams};
use dezero::layers::{BatchNorm, Conv2d, Linear};
use dezero::{Array, DType, Variable, hessian, hvp, s};

/// Where the last panic was, and what it said.
static PANIC: Mutex<Option<(String, u32, String)>> = Mutex::new(None);

/// Runs what should panic and adds to `$found` what is wrong with the panic.
macro_rules! mistake {
    ($found:ident, $mistake:expr, $($words:literal),+) => {
        let line = line!();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _ = $mistake;
        }));
        let mistake = stringify!($mistake);
        match PANIC.lock().unwrap().take() {
            None => $found.push(format!("{mistake}: no panic, {:?}", result.is_ok())),
            Some((file, at, message)) => {
                // rustfmt may put the expression a line or two below the macro's name.
                if file != file!() || !(line..line + 4).contains(&at) {
                    $found.push(format!("{mistake}: at {file}:{at}: {message}"));
                }
                $(if !message.contains($words) {
                    $found.push(format!("{mistake}: no `{}` in: {message}", $words));
                })+
            }
        }
    };
}

fn zeros(shape: impl AsRef<[usize]>) -> Variable {
    Variable::new(Array::zeros(shape, DType::F32))
}

// One test: the panic hook belongs to the whole process.
#[test]
fn mistakes_panic_at_the_users_line() {
    let old = take_hook();
    set_hook(Box::new(|info| {
        let location = info.location().expect("panics have one");
        let message = info.payload_as_str().unwrap_or_default().to_owned();
        *PANIC.lock().unwrap() = Some((location.file().to_owned(), location.line(), message));
    }));

    let mut found = Vec::new();
    let (x, y) = (zeros([3, 4]), zeros([5, 2]));
    mistake!(found, &x + &y, "add", "[3, 4]", "[5, 2]");
    mistake!(
        found,
        &x * Array::zeros([3], DType::F32),
        "mul",
        "[3, 4]",
        "[3]"
    );
    mistake!(found, x.pow(&y), "pow", "[3, 4]", "[5, 2]");
    mistake!(
        found,
        functions::maximum(&x, &y),
        "maximum",
        "[3, 4]",
        "[5, 2]"
    );
    mistake!(found, hessian(|x| x * 2.0, &x), "hessian", "[3, 4]");
    mistake!(found, hvp(|x| x * 2.0, &x, &x), "hvp", "[3, 4]");
    mistake!(found, hvp(Variable::sum, &x, &y), "hvp", "[3, 4]", "[5, 2]");
    mistake!(found, x.matmul(&y), "matmul", "[3, 4]", "[5, 2]");
    mistake!(
        found,
        functions::linear(&x, &y, None),
        "linear",
        "[3, 4]",
        "[5, 2]"
    );
    mistake!(found, x.reshape([5, 2]), "reshape", "[3, 4]", "[5, 2]");
    mistake!(found, x.permute([0, 0]), "permute");
    mistake!(
        found,
        x.broadcast_to([2, 4]),
        "broadcast_to",
        "[3, 4]",
        "[2, 4]"
    );
    mistake!(found, x.sum_to([2, 4]), "sum_to", "[3, 4]", "[2, 4]");
    mistake!(found, x.sum_axis(2, false), "sum", "axis 2", "[3, 4]");
    mistake!(
        found,
        x.max_axis([0, 0], false),
        "max",
        "axis 0",
        "repeated"
    );
    mistake!(found, zeros([0]).max(), "max");
    mistake!(found, x.cumsum(5), "cumsum", "axis 5");
    mistake!(found, x.expand_dims(4), "expand_dims", "axis 4");
    mistake!(found, x.squeeze_axis(0), "squeeze", "[3, 4]");
    mistake!(found, x.get(7), "7", "3");
    mistake!(found, x.get(s![0, 0, 0]), "[3, 4]");
    mistake!(found, x.softmax(3), "softmax", "axis 3");
    mistake!(
        found,
        functions::concatenate(&[&x, &y], 0),
        "concatenate",
        "[3, 4]",
        "[5, 2]"
    );
    mistake!(
        found,
        functions::stack(&[&x, &y], 0),
        "stack",
        "[3, 4]",
        "[5, 2]"
    );
    mistake!(
        found,
        functions::mean_squared_error(&x, &y),
        "[3, 4]",
        "[5, 2]"
    );
    let labels = Array::new([0, 4, 1]);
    mistake!(
        found,
        functions::softmax_cross_entropy(&x, &labels),
        "softmax_cross_entropy",
        "4"
    );
    mistake!(
        found,
        functions::softmax_cross_entropy(&x, Array::new([0, 1])),
        "[3, 4]",
        "[2]"
    );
    mistake!(
        found,
        functions::embed_id(&x, &labels),
        "embed_id",
        "4",
        "3"
    );
    mistake!(found, x.item(), "item", "[3, 4]");
    mistake!(
        found,
        x.set_data(Array::zeros([2], DType::F32)),
        "set_data",
        "[3, 4]",
        "[2]"
    );
    mistake!(
        found,
        Variable::constant(1.0).backward(),
        "backward",
        "constant"
    );
    mistake!(found, Array::new(vec![vec![1.0], vec![1.0, 2.0]]), "ragged");
    mistake!(
        found,
        Array::new([1.0]).to_vec::<f32>(),
        "float64",
        "float32"
    );

    let image = zeros([1, 3, 5, 5]);
    let filters = zeros([2, 3, 7, 7]);
    let params = Conv2dParams::default();
    mistake!(
        found,
        functions::conv2d(&image, &filters, None, params),
        "7",
        "5"
    );
    let zero_stride = Conv2dParams {
        stride: (0, 1),
        ..params
    };
    mistake!(
        found,
        functions::conv2d(&image, zeros([2, 3, 3, 3]), None, zero_stride),
        "stride"
    );
    let groups = Conv2dParams {
        groups: 2,
        ..params
    };
    mistake!(
        found,
        functions::conv2d(&image, zeros([2, 3, 3, 3]), None, groups),
        "groups",
        "3"
    );
    mistake!(found, image.max_pool2d(Pool2dParams::new((9, 9))), "9", "5");
    let norm = BatchNorm::new();
    mistake!(found, norm.forward(zeros([1, 4])), "batch");
    let linear = Linear::new(2).in_size(3);
    mistake!(found, linear.forward(&x), "linear", "[3, 4]");
    mistake!(
        found,
        Conv2d::new(4, 3).in_channels(2).forward(&image),
        "2",
        "3"
    );

    set_hook(old);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
