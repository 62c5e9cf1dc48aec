//! A program walks its graph by hand. In a process of its own: the switch that it needs is one of the process.

use dezero::{Array, Variable};

#[test]
fn a_graph_is_walked_as_the_program_was_written() {
    dezero::keep_inputs(true);
    let x = Variable::named(Array::new([1.0, 2.0]), "x");
    let y = {
        let product = &x * &x;
        product.set_name("product");
        // Stretches the product and converts the integers, which is no step of the program.
        product + Variable::new(Array::new([[1], [2], [3]]))
    };
    let add = y.creator().unwrap();
    let operands = add.operands();
    assert_eq!((add.name(), operands.len()), ("add", 2));
    assert_eq!(operands[0].name().as_deref(), Some("product"));
    assert_eq!((&operands[0].shape()[..], y.generation()), (&[2][..], 2));
    assert!(add.operands()[0].is_same(&operands[0]), "made anew once");
    let ones = Variable::constant(Array::ones([3, 2], dezero::DType::F64));
    let gxs = add.backward(&[Some(ones)]);
    let gx = gxs[0].as_ref().unwrap();
    assert_eq!(gx.data().to_vec::<f64>(), [3.0, 3.0]);
    let mul = operands[0].creator().unwrap();
    assert!(mul.operands().iter().all(|operand| operand.is_same(&x)));
    assert!(mul.results()[0].as_ref().unwrap().is_same(&operands[0]));
}
