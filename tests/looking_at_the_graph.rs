//! What a program finds that walks the graph, as pictures and the Python package do.

use dezero::{Variable, keep_inputs};

#[test]
fn operands_are_shown_as_they_were_given() {
    keep_inputs(true);
    let a = Variable::named([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "a");
    let b = Variable::new([1.0f32, 2.0, 3.0]);
    let y = &a + &b;
    // The operator converted `b` and stretched it.
    let operands = y.creator().unwrap().operands();
    assert!(operands[0].is_same(&a) && operands[1].is_same(&b));
    assert_eq!(y.generation(), 1);
    y.sum().backward();
    assert_eq!(b.grad().unwrap().data().to_vec::<f32>(), [2.0; 3]);

    // What the program stretched itself is a step of its own.
    let y = &a * b.broadcast_to([2, 3]);
    let stretched = &y.creator().unwrap().operands()[1];
    assert_eq!(stretched.creator().unwrap().name(), "broadcast_to");
    assert_eq!(y.generation(), 2);
}

#[test]
fn a_stretched_operand_that_nobody_holds_is_made_anew() {
    keep_inputs(true);
    let x = Variable::new([1.0, 2.0]);
    let y = (&x * 3.0) + Variable::new([[1.0], [2.0]]);
    let operands = y.creator().unwrap().operands();
    assert_eq!(operands[0].data().to_vec::<f64>(), [3.0, 6.0]);
    assert_eq!(operands[1].shape()[..], [2, 1]);
    assert!(operands[0].creator().unwrap().operands()[0].is_same(&x));
}

#[test]
fn variables_that_live_with_the_graph_go_with_it() {
    let x = Variable::new(1.0);
    let mut y = &x + 1.0;
    let mut weak = Vec::new();
    for _ in 0..100_000 {
        y.live_with_graph();
        weak.push(y.downgrade());
        y = y + 1.0;
    }
    assert_eq!(weak[50_000].upgrade().unwrap().item(), 50_002.0);
    y.backward_with(dezero::BackwardOptions::new().retain_grad(true));
    assert_eq!(weak[0].upgrade().unwrap().grad().unwrap().item(), 1.0);
    y.unchain_backward();
    assert!(weak[0].upgrade().is_none(), "unchained, nothing is held");
    drop(y);
    assert!(weak.iter().all(|y| y.upgrade().is_none()));
}
