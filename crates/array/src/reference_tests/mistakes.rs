//! Messages of mistakes.

use super::message_of;
use crate::{Array, DType};

#[test]
fn mistakes_name_the_operation_and_the_shapes() {
    let x = Array::zeros([2, 3], DType::F32);
    let message = message_of(|| drop(&x + &Array::zeros([4], DType::F32)));
    assert_eq!(message, "add: shapes [2, 3] and [4] do not broadcast");
    let message = message_of(|| drop(x.sum_axis(3, false)));
    assert_eq!(message, "sum: axis 3 is out of range for shape [2, 3]");
    let message = message_of(|| drop(x.sum_axis([1, -1], false)));
    assert_eq!(
        message,
        "sum: axis -1 is repeated in [1, -1] for shape [2, 3]"
    );
    let message = message_of(|| drop(Array::zeros([0, 2], DType::F32).max_axis(0, false)));
    assert_eq!(
        message,
        "max: no elements to choose from: shape [0, 2], axes [0]"
    );
    let message = message_of(|| drop(x.sum_to([3, 3])));
    assert_eq!(message, "sum_to: [3, 3] does not broadcast to [2, 3]");
    let message = message_of(|| {
        let mut y = Array::zeros([3], DType::F32);
        y += &x;
    });
    assert_eq!(
        message,
        "add_assign: shape [2, 3] does not broadcast to [3]"
    );
}
