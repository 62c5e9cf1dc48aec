//! Pictures of graphs: the text for Graphviz, the layout of our own, and files.

use std::fs;

use dezero::layers::Linear;
use dezero::models::Mlp;
use dezero::{
    Array, DType, Error, GraphOptions, Layer, Module, Variable, functions, grad, graph_svg,
    no_grad, plot_graph, plot_graph_with, to_dot,
};

/// Lines of a certain kind.
fn count(text: &str, part: &str) -> usize {
    text.lines().filter(|line| line.contains(part)).count()
}

/// The points that an SVG's boxes and ellipses stand at: (x, y, half width, half height).
fn boxes(svg: &str) -> Vec<[f64; 4]> {
    let number = |line: &str, name: &str| -> f64 {
        let start = line.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
        line[start..].split('"').next().unwrap().parse().unwrap()
    };
    let mut found = Vec::new();
    for line in svg.lines() {
        if line.starts_with("<ellipse") {
            found.push(["cx", "cy", "rx", "ry"].map(|name| number(line, name)));
        } else if line.starts_with("<rect x") {
            let [x, y, width, height] =
                ["x", "y", "width", "height"].map(|name| number(line, name));
            found.push([x + width / 2.0, y + height / 2.0, width / 2.0, height / 2.0]);
        }
    }
    found
}

fn expect_no_overlap(svg: &str) {
    let boxes = boxes(svg);
    for (i, a) in boxes.iter().enumerate() {
        for b in &boxes[..i] {
            let apart = (a[0] - b[0]).abs() - a[2] - b[2];
            let above = (a[1] - b[1]).abs() - a[3] - b[3];
            assert!(apart > 0.0 || above > 0.0, "{a:?} and {b:?} overlap");
        }
    }
}

#[rustfmt::skip]
fn goldstein_price(x: &Variable, y: &Variable) -> Variable {
    (1.0 + (x + y + 1.0).pow(2)
        * (19.0 - 14.0 * x + 3.0 * x.pow(2) - 14.0 * y + 6.0 * x * y + 3.0 * y.pow(2)))
        * (30.0 + (2.0 * x - 3.0 * y).pow(2)
            * (18.0 - 32.0 * x + 12.0 * x.pow(2) + 48.0 * y - 36.0 * x * y + 27.0 * y.pow(2)))
}

#[test]
fn the_same_program_gives_the_same_text() {
    let run = || {
        let (x, y) = (Variable::named(1.0, "x"), Variable::named(1.0, "y"));
        to_dot(&goldstein_price(&x, &y), &GraphOptions::new().verbose(true))
    };
    let text = run();
    assert_eq!(text, run());
    // Numbers are no variables here; the book's picture has an ellipse for each of its 17 as well.
    assert_eq!(count(&text, "shape=box"), 38);
    assert_eq!(count(&text, "color=orange"), 40);
    assert_eq!(count(&text, "label=\"() float64\""), 38);
    // Each function has one output, and fifteen are of two variables.
    assert_eq!(count(&text, "->"), 38 + 38 + 15);
}

#[test]
fn a_derivative_has_its_own_graph() {
    let x = Variable::named(1.0, "x");
    let y = x.tanh();
    y.set_name("y");
    let gx = grad(&[&y], &[&x], true).remove(0);
    gx.set_name("gx");
    // y is held by nobody now, but keeps its name.
    drop(y);
    let text = to_dot(&gx, &GraphOptions::new());
    for label in [
        "\"gx\"",
        "\"y\"",
        "\"x\"",
        "\"Tanh\"",
        "\"Square\"",
        "\"Sub 1 - x\"",
        "\"Mul\"",
    ] {
        assert_eq!(
            count(&text, &format!("label={label}")),
            1,
            "{label} in\n{text}"
        );
    }
    // The gradient that it started from.
    assert_eq!(count(&text, "lightgray"), 1);
    let without = to_dot(&gx, &GraphOptions::new().constants(false));
    assert_eq!(count(&without, "lightgray"), 0);
}

#[test]
fn shapes_are_found_also_where_nobody_keeps_them() {
    let x = Variable::named(Array::ones([2, 3], DType::F32), "x");
    let hooked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = hooked.clone();
    x.register_hook(move |_| {
        seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        None
    });
    let y = (x.transpose() + 1.0).sum_axis(1, false).reshape([3, 1]) + 0.0;
    let text = to_dot(&y, &GraphOptions::new().verbose(true));
    let found = ["x: (2, 3)", "(3, 2)", "(3,)", "(3, 1)"]
        .map(|shape| count(&text, &format!("label=\"{shape} float32\"")));
    assert_eq!(found, [1, 2, 1, 2], "{text}");
    // Looking changes nothing.
    assert!(x.grad().is_none());
    assert_eq!(hooked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn parameters_are_called_by_their_paths() {
    #[derive(Layer)]
    struct Net {
        first: Linear,
        second: Linear,
    }
    let net = Net {
        first: Linear::new(3),
        second: Linear::new(2),
    };
    let y = net
        .second
        .forward(net.first.forward(Array::ones([4, 5], DType::F32)).relu());
    let options = GraphOptions::new().verbose(true).params_of(&net);
    let text = to_dot(&y, &options);
    for label in [
        "first/W: (5, 3)",
        "first/b: (3,)",
        "second/W: (3, 2)",
        "second/b: (2,)",
    ] {
        assert_eq!(count(&text, &format!("\"{label} float32\"")), 1, "{text}");
    }
    // The data, which no gradient flows to.
    assert_eq!(
        count(&text, "label=\"(4, 5) float32\", color=lightgray"),
        1,
        "{text}"
    );
}

#[test]
fn labels_cannot_break_the_text_or_the_picture() {
    let x = Variable::named(1.0, "a\"]; x -> y; [label=\"<b>&\\\n\u{1}");
    let y = x.sin();
    let text = to_dot(&y, &GraphOptions::new());
    assert!(
        text.contains(r#"[label="a\"]; x -> y; [label=\"<b>&\\\n"#),
        "{text}"
    );
    let svg = graph_svg(&y, &GraphOptions::new()).unwrap();
    assert!(
        svg.contains("&lt;b&gt;&amp;") && !svg.contains('\u{1}'),
        "{svg}"
    );
}

#[test]
fn a_leaf_is_a_picture_of_itself_and_a_constant_is_a_mistake() {
    let x = Variable::named(1.0, "x");
    assert_eq!(count(&to_dot(&x, &GraphOptions::new()), "label"), 1);
    assert_eq!(
        boxes(&graph_svg(&x, &GraphOptions::new()).unwrap()).len(),
        1
    );
    let y = no_grad(|| x.sin());
    let draw = || to_dot(&y, &GraphOptions::new());
    let message = std::panic::catch_unwind(std::panic::AssertUnwindSafe(draw)).unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(
        message.contains("to_dot: the variable is a constant"),
        "{message}"
    );
}

#[test]
fn our_own_layout_puts_inputs_above_and_nothing_onto_another() {
    let (x, y) = (Variable::named(1.0, "x"), Variable::named(1.0, "y"));
    let z = goldstein_price(&x, &y);
    let svg = graph_svg(&z, &GraphOptions::new()).unwrap();
    assert_eq!(boxes(&svg).len(), 38 + 40);
    expect_no_overlap(&svg);
    let x = Variable::new(1.0);
    let mut y = x.tanh();
    for _ in 0..5 {
        y = grad(&[&y], &[&x], true).remove(0);
    }
    expect_no_overlap(&graph_svg(&y, &GraphOptions::new()).unwrap());
    // A network runs straight down, its weights beside it.
    let model = Mlp::new([10, 10, 10, 3]);
    let y = model.forward(Array::ones([4, 2], DType::F32));
    let loss = functions::softmax_cross_entropy(y, Array::new([0, 1, 2, 0]));
    let svg = graph_svg(&loss, &GraphOptions::new().verbose(true).params_of(&model)).unwrap();
    expect_no_overlap(&svg);
    let functions: Vec<f64> = svg
        .lines()
        .zip(boxes_by_line(&svg))
        .filter(|(line, _)| line.starts_with("<rect x"))
        .map(|(_, x)| x)
        .collect();
    assert_eq!(functions.len(), 8);
    assert!(
        functions.iter().all(|x| (x - functions[0]).abs() < 1.0),
        "{functions:?}"
    );
}

/// The centre of the box in each line, or NaN.
fn boxes_by_line(svg: &str) -> Vec<f64> {
    let center = |line: &str| boxes(line).first().map_or(f64::NAN, |b| b[0]);
    svg.lines().map(center).collect()
}

#[test]
fn large_graphs_are_drawn_or_refused() {
    let x = Variable::new(1.0);
    let mut y = x.sin();
    for _ in 0..5_000 {
        y = y.sin();
    }
    let svg = graph_svg(&y, &GraphOptions::new()).unwrap();
    assert_eq!(boxes(&svg).len(), 10_003);
    // Each function takes x too: lines as long as the graph.
    let mut y = x.sin();
    for _ in 0..2_500 {
        y = y.sin() * &x;
    }
    let refused = graph_svg(&y, &GraphOptions::new()).unwrap_err();
    assert!(
        matches!(refused, Error::GraphTooLarge { size: 10_003 }),
        "{refused}"
    );
    let mut y = x.sin();
    for _ in 0..100_000 {
        y = y.sin();
    }
    assert!(matches!(
        graph_svg(&y, &GraphOptions::new()),
        Err(Error::GraphTooLarge { .. })
    ));
}

#[test]
fn files_are_written_by_their_endings() {
    let folder = tempfile::tempdir().unwrap();
    let x = Variable::named(1.0, "x");
    let y = x.tanh();
    let own = GraphOptions::new().graphviz(false);
    let svg = folder.path().join("graph.svg");
    plot_graph_with(&y, &svg, &own).unwrap();
    assert_eq!(
        fs::read_to_string(&svg).unwrap(),
        graph_svg(&y, &own).unwrap()
    );
    // By Graphviz or not: an SVG with the names.
    plot_graph(&y, &svg).unwrap();
    let text = fs::read_to_string(&svg).unwrap();
    assert!(text.contains("<svg") && text.contains("Tanh") && text.contains("x: () float64"));
    let dot = folder.path().join("graph.dot");
    plot_graph(&y, &dot).unwrap();
    let text = to_dot(&y, &GraphOptions::new().verbose(true));
    assert_eq!(fs::read_to_string(&dot).unwrap(), text);

    let refused = plot_graph(&y, folder.path().join("graph.bmp")).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("graph.bmp: the name of a picture"),
        "{refused}"
    );
    assert!(plot_graph(&y, folder.path().join("graph")).is_err());
    let refused = plot_graph(&y, folder.path().join("missing/graph.svg")).unwrap_err();
    assert!(refused.to_string().contains("graph.svg"), "{refused}");
    let refused = plot_graph_with(&y, folder.path().join("graph.pdf"), &own).unwrap_err();
    assert!(refused.to_string().contains("write an .svg"), "{refused}");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing is left behind"
    );
}

#[test]
fn a_model_is_plotted_with_its_input_and_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.dot");
    let model = Mlp::new([10, 3]);
    model.plot(Array::ones([1, 2], DType::F32), &path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for label in [
        "x: (1, 2) float32",
        "y: (1, 3) float32",
        "l0/W: (2, 10) float32",
    ] {
        assert_eq!(count(&text, &format!("\"{label}\"")), 1, "{text}");
    }
}
