//! Mistakes in shapes, axes and positions: the message, and that it is at the caller's line.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use dezero_array::{Array, DType, s};

thread_local! {
    static LAST: RefCell<(String, String)> = const { RefCell::new((String::new(), String::new())) };
}

#[track_caller]
fn assert_panics(message: &str, mistake: impl FnOnce()) {
    panic::set_hook(Box::new(|info| {
        let file = info
            .location()
            .map_or(String::new(), |at| at.file().to_string());
        let payload = info.payload();
        let message = match payload.downcast_ref::<String>() {
            Some(message) => message.clone(),
            None => payload.downcast_ref::<&str>().unwrap_or(&"").to_string(),
        };
        LAST.with(|last| *last.borrow_mut() = (file, message));
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(mistake));
    let _ = panic::take_hook();
    assert!(result.is_err(), "no panic: {message}");
    let (file, found) = LAST.with(|last| last.borrow().clone());
    assert_eq!(found, message);
    assert!(
        file.ends_with("index_panics.rs"),
        "{message}: reported at {file}"
    );
}

#[test]
fn messages_at_the_callers_line() {
    let x = &Array::zeros([3, 4], DType::F32);
    let mut y = x.clone();
    assert_panics("reshape: [3, 4] has 12 elements, [5, 2] takes 10", || {
        x.reshape([5, 2]);
    });
    assert_panics(
        "reshape: [3, 4] has 12 elements, which do not divide into [5, -1]",
        || {
            x.reshape([5, -1]);
        },
    );
    assert_panics(
        "reshape: [-1, -1] is no shape: one size may be -1, the others are not negative",
        || {
            x.reshape([-1, -1]);
        },
    );
    assert_panics(
        "permute: [0, 0] does not name each of the 2 axes of [3, 4] once",
        || {
            x.permute([0, 0]);
        },
    );
    assert_panics(
        "swap_axes: axis 2 is out of range for 2 axes: takes -2 to 1",
        || {
            x.swap_axes(0, 2);
        },
    );
    assert_panics(
        "squeeze_axis: axis -1 of [3, 4] has size 4, takes an axis of size 1",
        || {
            x.squeeze_axis(-1);
        },
    );
    assert_panics(
        "get: index 3 is out of range for axis 0 of [3, 4], which has size 3",
        || {
            x.get(3);
        },
    );
    assert_panics(
        "get: index -5 is out of range for axis 1 of [3, 4], which has size 4",
        || {
            x.get((.., [0, -5]));
        },
    );
    assert_panics(
        "get: [0, :, 1] indexes 3 axes, the array has 2: [3, 4]",
        || {
            x.get((0, .., 1));
        },
    );
    assert_panics("get: [..., ...] has more than one ellipsis", || {
        x.get(s![Ellipsis, Ellipsis]);
    });
    assert_panics("slice: the step is zero", || {
        x.get(s![..;0]);
    });
    assert_panics(
        "get: index arrays of shapes [2] and [3] do not broadcast",
        || {
            x.get(([0, 1], [0, 1, 2]));
        },
    );
    assert_panics(
        "get: a mask of shape [2] on axes 0.. of [3, 4], which have shape [3]",
        || {
            x.get([true, false]);
        },
    );
    assert_panics(
        "get: an index array is int64 (positions) or bool (a mask), this one is float64",
        || {
            x.get([1.0]);
        },
    );
    assert_panics(
        "set: values of shape [3] do not broadcast to [4], the shape of the indexed elements of \
         [3, 4]",
        || y.set(1, &Array::new([1, 2, 3])),
    );
    assert_panics(
        "add_at: takes an array of numbers, this one is bool",
        || {
            Array::new([true]).add_at(0, &Array::new(1));
        },
    );
    assert_panics(
        "take: index 4 is out of range for axis 1 of [3, 4], which has size 4",
        || {
            x.take(&Array::new([4]), 1);
        },
    );
    assert_panics(
        "take: the index is an int64 array, this one is float64",
        || {
            x.take(&Array::new([0.0]), 1);
        },
    );
    assert_panics(
        "gather: the index [4, 1] takes as many axes as [3, 4], no longer than they beside axis 1",
        || {
            x.gather(1, &Array::zeros([4, 1], DType::I64));
        },
    );
    assert_panics(
        "scatter_add: the source [1, 1] is smaller than the index [3, 1]",
        || {
            let index = Array::zeros([3, 1], DType::I64);
            y.scatter_add(1, &index, &Array::zeros([1, 1], DType::F32));
        },
    );
    assert_panics(
        "take_along_axis: indices [2, 1] do not broadcast with [3, 4] beside axis 1",
        || {
            x.take_along_axis(&Array::zeros([2, 1], DType::I64), 1);
        },
    );
    assert_panics(
        "concatenate: array 1 of shape [3, 3] does not fit array 0 of shape [3, 4]: takes equal \
         sizes beside axis 0",
        || {
            Array::concatenate(&[x, &x.get((.., ..3))], 0);
        },
    );
    assert_panics("stack: takes at least one array", || {
        Array::stack::<Array>(&[], 0);
    });
    assert_panics(
        "split: axis 1 of [3, 4] does not divide into 3 equal parts",
        || {
            x.split(3, 1);
        },
    );
    assert_panics(
        "split: the cuts [3, 1] do not ascend from 0 to 4, the size of axis 1 of [3, 4]",
        || {
            x.split([3, 1], 1);
        },
    );
    assert_panics("pad: 1 widths [(1, 1)] for the 2 axes of [3, 4]", || {
        x.pad([(1, 1)], 0.0);
    });
    assert_panics("one_hot: class 3 is out of range for 3 classes", || {
        Array::new([0, 3]).one_hot(3, DType::F32);
    });
    assert_panics(
        "sort: axis 0 of a zero-dimensional array, which has none",
        || {
            Array::new(1.0).sort(0);
        },
    );
    assert_panics("arange: the step is zero", || {
        Array::arange(0, 3, 0);
    });
    assert_panics("diagonal: takes two axes, got axis 1 twice", || {
        x.diagonal(0, 1, -1);
    });
    assert_panics("tril: takes at least two axes, got shape [3]", || {
        Array::new([1, 2, 3]).tril(0);
    });
    assert_panics(
        "iter: the array is float32, asked for float64; cast it with `to_dtype` first",
        || {
            x.iter::<f64>();
        },
    );
}
