//! Plots: what is in them, what becomes of odd numbers, and files.
#![cfg(feature = "plot")]

use std::fs;

use dezero::plots::{Curves, DecisionBoundary, HeatMap, Histogram, ImageGrid, Plot, overlay};
use dezero::{Array, DType, GraphOptions, Variable, plot_graph_with};

fn message_of(body: impl FnOnce()) -> String {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_err();
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    }
}

/// Plots of everything that may go wrong with numbers.
fn odd_plots() -> Vec<(&'static str, String)> {
    let nan = f64::NAN;
    let none = || Vec::<f64>::new();
    let images = |shape: [usize; 3]| Array::zeros(shape, DType::F32);
    vec![
        ("no curves", Curves::new("Empty").svg()),
        ("no points", Curves::new("Empty").line("a", none()).svg()),
        ("one point", Curves::new("One").line("a", [3.0]).svg()),
        (
            "a constant",
            Curves::new("Flat").line("a", [3.0, 3.0]).svg(),
        ),
        (
            "a constant, log",
            Curves::new("Flat")
                .line("a", [3.0, 3.0])
                .log_scale(true)
                .svg(),
        ),
        (
            "gaps",
            Curves::new("Gaps")
                .line("a", [1.0, nan, 2.0, f64::INFINITY, 1.5, 2.5])
                .svg(),
        ),
        (
            "only NaN",
            Curves::new("NaN")
                .line("a", [nan, nan])
                .log_scale(true)
                .svg(),
        ),
        (
            "not positive, log",
            Curves::new("Log")
                .line("a", [1.0, 0.0, -1.0, 1e-300])
                .log_scale(true)
                .svg(),
        ),
        ("huge", Curves::new("Huge").line("a", [-1e300, 1e300]).svg()),
        (
            "tiny",
            Curves::new("Tiny").line("a", [1e-300, 2e-300]).svg(),
        ),
        ("no numbers", Histogram::new("None", none()).svg()),
        (
            "constants",
            Histogram::new("Constant", vec![2.0; 100]).svg(),
        ),
        ("zeros", Histogram::new("Zeros", vec![0.0; 100]).svg()),
        ("some NaN", Histogram::new("NaN", [nan, 1.0, 2.0]).svg()),
        (
            "no images",
            ImageGrid::new("None", &images([0, 8, 8])).svg(),
        ),
        (
            "empty images",
            ImageGrid::new("None", &images([3, 0, 8])).svg(),
        ),
        (
            "grey images",
            ImageGrid::new("Grey", &images([3, 8, 8])).each(true).svg(),
        ),
        (
            "NaN images",
            ImageGrid::new("NaN", &Array::full([2, 3, 3], nan)).svg(),
        ),
        (
            "no matrix",
            HeatMap::new("None", &Array::zeros([0, 0], DType::F32)).svg(),
        ),
        (
            "no columns",
            HeatMap::new("None", &Array::zeros([2, 0], DType::F32)).svg(),
        ),
        (
            "a constant matrix",
            HeatMap::new("Flat", &Array::zeros([2, 2], DType::I64)).svg(),
        ),
        (
            "NaN matrix",
            HeatMap::new("NaN", &Array::new([[nan, 1.0], [2.0, f64::INFINITY]])).svg(),
        ),
        (
            "a large matrix",
            HeatMap::new("Large", &Array::zeros([300, 500], DType::F32)).svg(),
        ),
        (
            "names",
            Curves::new("<&\">")
                .labels("<x>", "&y")
                .line("<a & b>", [1.0, 2.0])
                .svg(),
        ),
    ]
}

#[test]
fn odd_numbers_give_pictures_all_the_same() {
    for (what, svg) in odd_plots() {
        assert!(
            !svg.contains("NaN\"") && !svg.contains("inf\""),
            "{what}: {svg}"
        );
        // A strict reader of XML takes it.
        let tree = resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default());
        assert!(tree.is_ok(), "{what}: {:?}\n{svg}", tree.err());
    }
    let empty = Curves::new("Empty").line("a", Vec::<f64>::new()).svg();
    assert!(empty.contains("Empty (no data)"));
}

#[test]
fn a_gap_is_a_gap() {
    let is_curve = |line: &&str| line.contains("<polyline") && line.contains("#0072B2");
    let lines = |svg: &str| svg.lines().filter(is_curve).count();
    let whole = Curves::new("").line("", [1.0, 2.0, 3.0, 4.0]).svg();
    let gap = Curves::new("")
        .line("", [1.0, 2.0, f64::NAN, 3.0, 4.0])
        .svg();
    assert_eq!((lines(&whole), lines(&gap)), (1, 2));
}

#[test]
fn png_files_are_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curve.PNG");
    let curves = Curves::new("Training")
        .labels("epoch", "loss")
        .line("loss", [2.0, 1.0, 0.5]);
    curves.save(&path).unwrap();
    let pixels = resvg::tiny_skia::Pixmap::load_png(&path).unwrap();
    assert_eq!((pixels.width(), pixels.height()), (1280, 840));
    let count = |color: [u8; 3]| {
        pixels
            .data()
            .chunks(4)
            .filter(|pixel| pixel[..3] == color)
            .count()
    };
    assert!(count([0x00, 0x72, 0xb2]) > 1000, "the curve");
    assert!(count([0xff, 0xff, 0xff]) > 900_000, "the ground");
    // Letters: without a font there would be axes and ticks alone.
    let top = pixels.data()[..1280 * 4 * 70]
        .chunks(4)
        .filter(|pixel| pixel[0] < 100)
        .count();
    assert!(top > 300, "the title has {top} dark pixels");

    let refused = curves.save(folder.path().join("curve.jpg")).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("curve.jpg: the name of a plot ends in"),
        "{refused}"
    );
    let refused = curves
        .save(folder.path().join("missing/curve.svg"))
        .unwrap_err();
    assert!(refused.to_string().contains("curve.svg"), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn graphs_are_png_files_without_graphviz() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graph.png");
    let x = Variable::named(1.0, "x");
    let own = GraphOptions::new().graphviz(false);
    plot_graph_with(&x.tanh(), &path, &own).unwrap();
    assert!(resvg::tiny_skia::Pixmap::load_png(&path).unwrap().height() > 200);
    let mut y = x.sin();
    for _ in 0..5_000 {
        y = y.sin();
    }
    let refused = plot_graph_with(&y, &path, &own);
    assert!(refused.is_ok() || refused.unwrap_err().to_string().contains("too large"));
}

#[test]
fn a_boundary_lies_where_the_classes_change() {
    let x = Array::new([[-1.0, -1.0], [1.0, 1.0], [0.5, -0.5]]);
    let t = Array::new([0, 1, 2]);
    // Scores: the class is the largest of x, -x and 0.
    let svg = DecisionBoundary::new("", &x, &t, |x| {
        assert_eq!((x.shape()[1], x.dtype()), (2, DType::F64));
        x.concat_scores()
    })
    .svg();
    assert_eq!(svg.matches("<image").count(), 1);
    let message = message_of(|| drop(DecisionBoundary::new("", &t, &t, Array::clone)));
    assert!(
        message.contains("takes points (N, 2) and classes (N), got [3] and [3]"),
        "{message}"
    );
    let message = message_of(|| drop(DecisionBoundary::new("", &x, &t, |_| Array::new(1))));
    assert!(
        message.contains("classify takes points (22500, 2)"),
        "{message}"
    );
}

trait Scores {
    fn concat_scores(&self) -> Array;
}

impl Scores for Array {
    fn concat_scores(&self) -> Array {
        let first = self.get((.., 0..1));
        Array::concatenate(&[first.clone(), -&first, &first * 0.0], 1)
    }
}

#[test]
fn mistakes_name_the_shapes() {
    let message = message_of(|| drop(Curves::new("").line_at("a", [1.0], [1.0, 2.0])));
    assert!(
        message.contains("\"a\" has 1 numbers for x and 2 for y"),
        "{message}"
    );
    let message = message_of(|| drop(ImageGrid::new("", &Array::zeros([2, 2, 8, 8], DType::F32))));
    assert!(
        message.contains("(N, 3, H, W), got [2, 2, 8, 8]"),
        "{message}"
    );
    let message = message_of(|| drop(HeatMap::new("", &Array::new([1.0]))));
    assert!(
        message.contains("takes a matrix (rows, columns), got [1]"),
        "{message}"
    );
    let zeros = |shape: [usize; 3]| Array::zeros(shape, DType::F32);
    let message = message_of(|| drop(overlay(&zeros([1, 2, 3]), &zeros([1, 3, 2]))));
    assert!(message.contains("got [1, 2, 3] and [1, 3, 2]"), "{message}");
}
