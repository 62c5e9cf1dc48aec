//! A program walks its graph by hand. In a process of its own: the switch that it needs is one of the process.

use std::collections::BTreeMap;

use dezero::{Array, Creator, Variable, functions, grad};

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

/// The gradient of `x` by hand: the newest application first, once the gradients of its results have been added up.
fn gradient(y: &Variable, x: &Variable) -> Variable {
    let ones = Variable::constant(Array::ones(&y.shape()[..], y.dtype()));
    let mut gradients = vec![(y.clone(), ones)];
    let mut waiting: BTreeMap<u64, Creator> = BTreeMap::new();
    let wait = |x: &Variable, waiting: &mut BTreeMap<u64, Creator>| {
        if let Some(creator) = x.creator() {
            waiting.insert(creator.sequence(), creator);
        }
    };
    wait(y, &mut waiting);
    while let Some((_, creator)) = waiting.pop_last() {
        let results = creator.results().into_iter();
        let gys: Vec<Option<Variable>> = results
            .map(|y| {
                let y = y?;
                let found = gradients.iter().find(|(x, _)| x.is_same(&y));
                found.map(|(_, gy)| gy.clone())
            })
            .collect();
        let operands = creator.operands();
        for (x, gx) in operands.into_iter().zip(creator.backward(&gys)) {
            let Some(gx) = gx else { continue };
            wait(&x, &mut waiting);
            match gradients.iter_mut().find(|(other, _)| other.is_same(&x)) {
                Some((_, sum)) => *sum = &*sum + gx,
                None => gradients.push((x, gx)),
            }
        }
    }
    let found = gradients.into_iter().find(|(other, _)| other.is_same(x));
    found.expect("y depends on x").1
}

/// The gates are results of the cell that its caller is not given; second derivatives flow through them.
#[test]
fn a_walk_to_second_order_passes_through_the_gates() {
    dezero::keep_inputs(true);
    let numbers = |n: usize| Array::linspace(-1.0, 1.0, n).reshape([1, n]);
    type Cell = fn(&Variable) -> Variable;
    let cells: [(usize, Cell); 2] = [
        (8, |a| {
            let (h, c) = functions::lstm_cell(a, a * 0.5, Array::new([[0.5, -0.3]]));
            (h * c).sum()
        }),
        (6, |a| {
            functions::gru_cell(a, a * 0.5, Array::new([[0.5, -0.3]])).sum()
        }),
    ];
    for (size, cell) in cells {
        let a = Variable::new(numbers(size));
        let y = cell(&a);
        let ga = gradient(&y, &a);
        let expected = grad(&[&y], &[&a], true).remove(0);
        assert!(ga.data().allclose(&expected.data(), 1e-12, 1e-12));
        let second = gradient(&ga.square().sum(), &a);
        let expected = grad(&[&expected.square().sum()], &[&a], false).remove(0);
        assert!(second.data().allclose(&expected.data(), 1e-12, 1e-12));
    }
}
