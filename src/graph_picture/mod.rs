//! Pictures of the graph that a variable was computed by: [`to_dot`], [`graph_svg`], [`plot_graph`].

mod drawing;
mod layout;
mod program;
mod svg;

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::variable::Variable;
use drawing::Drawing;

/// What a picture of a graph shows.
///
/// ```
/// use dezero::{GraphOptions, Variable, to_dot};
/// let x = Variable::named(1.0, "x");
/// let y = x.tanh();
/// assert!(to_dot(&y, &GraphOptions::new().verbose(true)).contains(r#"label="x: () float64""#));
/// ```
#[derive(Clone, Debug)]
pub struct GraphOptions {
    verbose: bool,
    constants: bool,
    graphviz: bool,
    /// Names of leaves, by the sequence number of their nodes.
    names: HashMap<u64, String>,
}

impl Default for GraphOptions {
    fn default() -> GraphOptions {
        GraphOptions {
            verbose: false,
            constants: true,
            graphviz: true,
            names: HashMap::new(),
        }
    }
}

impl GraphOptions {
    /// Names only, constants too.
    pub fn new() -> GraphOptions {
        GraphOptions::default()
    }

    /// Shows shape and dtype of each variable. The graph itself does not keep them all: where one is
    /// missing, a backward pass (without hooks, and without storing anything) finds it.
    #[must_use]
    pub fn verbose(mut self, verbose: bool) -> GraphOptions {
        self.verbose = verbose;
        self
    }

    /// Whether to show arrays that no gradient is computed for, such as the data of a network.
    #[must_use]
    pub fn constants(mut self, constants: bool) -> GraphOptions {
        self.constants = constants;
        self
    }

    /// Calls the parameters of `layer` by their paths, `l1/W`, where they have no name of their own.
    #[must_use]
    pub fn params_of(mut self, layer: &(impl Layer + ?Sized)) -> GraphOptions {
        for (name, parameter) in layer.named_params() {
            if let Some(variable) = parameter.get()
                && let Some(edge) = &variable.0.read().edge
            {
                self.names.insert(edge.node.sequence, name);
            }
        }
        self
    }

    /// Whether [`plot_graph`] may call Graphviz' `dot`, which it does where it is installed;
    /// otherwise, and for large graphs, it lays the graph out itself.
    #[must_use]
    pub fn graphviz(mut self, graphviz: bool) -> GraphOptions {
        self.graphviz = graphviz;
        self
    }
}

/// The graph that `y` was computed by, as text for Graphviz (`get_dot_graph` of the book): variables
/// are ellipses, functions boxes. For the result of a differentiation with `create_graph` it is the
/// graph of the derivative.
///
/// The same program gives the same text. A variable's name is shown where it is held by somebody,
/// or was given to it after it was computed; the graph does not keep variables themselves.
///
/// ```
/// use dezero::{GraphOptions, Variable, to_dot};
/// let x = Variable::named(1.0, "x");
/// let y = x.sin();
/// y.set_name("y");
/// assert_eq!(to_dot(&y, &GraphOptions::new()), r#"digraph g {
/// v0 [label="y", color=orange, style=filled]
/// f0 [label="Sin", color=lightblue, style=filled, shape=box]
/// f0 -> v0
/// v1 [label="x", color=orange, style=filled]
/// v1 -> f0
/// }
/// "#);
/// ```
///
/// # Panics
/// If `y` is a constant: it has no graph.
#[track_caller]
pub fn to_dot(y: &Variable, options: &GraphOptions) -> String {
    expect_graph("to_dot", y);
    let drawing = Drawing::of(y, options, usize::MAX).expect("without a limit");
    drawing.to_dot()
}

/// The graph that `y` was computed by, as an SVG picture that is laid out here, without Graphviz.
///
/// ```
/// use dezero::{GraphOptions, Variable, graph_svg};
/// let x = Variable::named(1.0, "x");
/// let svg = graph_svg(&x.tanh(), &GraphOptions::new())?;
/// assert!(svg.starts_with("<svg") && svg.contains(">Tanh<"));
/// # Ok::<(), dezero::Error>(())
/// ```
///
/// # Errors
/// [`Error::GraphTooLarge`] where nobody could read the picture, beyond some ten thousand functions.
///
/// # Panics
/// If `y` is a constant: it has no graph.
#[track_caller]
pub fn graph_svg(y: &Variable, options: &GraphOptions) -> Result<String> {
    expect_graph("graph_svg", y);
    let drawing = Drawing::of(y, options, LARGEST)?;
    own_svg(&drawing)
}

/// Writes a picture of the graph that `y` was computed by (`plot_dot_graph` of the book), with shapes
/// and dtypes: `.svg`, `.png` or `.pdf` by the ending of `path`, and `.dot` for the text.
///
/// Graphviz draws it where its program `dot` is installed. Otherwise the graph is laid out here, which
/// gives SVG, and PNG with the feature `plot`.
///
/// ```
/// use dezero::{Variable, plot_graph};
/// # let folder = std::env::temp_dir().join(format!("dezero-graph-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("graph.svg");
/// let x = Variable::named(1.0, "x");
/// plot_graph(&x.tanh(), &path)?;
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be written or has another ending, if it takes `dot` and there is none, or if the
/// graph is too large.
///
/// # Panics
/// If `y` is a constant: it has no graph.
#[track_caller]
pub fn plot_graph(y: &Variable, path: impl AsRef<Path>) -> Result<()> {
    expect_graph("plot_graph", y);
    write_picture(y, path.as_ref(), &GraphOptions::new().verbose(true))
}

/// [`plot_graph`] with options.
///
/// # Errors
/// As `plot_graph`.
///
/// # Panics
/// As `plot_graph`.
#[track_caller]
pub fn plot_graph_with(y: &Variable, path: impl AsRef<Path>, options: &GraphOptions) -> Result<()> {
    expect_graph("plot_graph_with", y);
    write_picture(y, path.as_ref(), options)
}

/// Variables and functions that a picture may have.
const LARGEST: usize = 40_000;
/// Up to so many `dot` takes seconds; it needs minutes for some thousand.
const LARGEST_FOR_GRAPHVIZ: usize = 1_000;

#[track_caller]
fn expect_graph(operation: &str, y: &Variable) {
    if !y.requires_grad() {
        panic!(
            "{operation}: the variable is a constant: it was not computed from a Variable::new, or \
             was computed under no_grad, so there is no graph"
        );
    }
}

fn write_picture(y: &Variable, path: &Path, options: &GraphOptions) -> Result<()> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    if !["svg", "png", "pdf", "dot"].contains(&&*ending) {
        return Err(Error::picture(
            path,
            "the name of a picture of a graph ends in .svg, .png, .pdf or .dot",
        ));
    }
    if ending == "dot" {
        return write(path, to_dot(y, options).as_bytes());
    }
    let drawing = Drawing::of(y, options, LARGEST)?;
    if options.graphviz && drawing.vertices.len() <= LARGEST_FOR_GRAPHVIZ {
        match program::run(&drawing.to_dot(), &ending) {
            Ok(picture) => return write(path, &picture),
            Err(program::Failure::NotInstalled) => {}
            // It is there and fails: an SVG can do without, and the others say why.
            Err(program::Failure::Other(_)) if ending == "svg" => {}
            Err(program::Failure::Other(reason)) => return Err(Error::picture(path, reason)),
        }
    }
    let svg = own_svg(&drawing)?;
    match &*ending {
        "svg" => write(path, svg.as_bytes()),
        #[cfg(feature = "plot")]
        "png" => {
            let png = crate::plots::png_of_svg(&svg, 1.5);
            write(path, &png.map_err(|reason| Error::picture(path, reason))?)
        }
        _ => Err(Error::picture(
            path,
            format!(
                "a .{ending} of this graph takes Graphviz' program `dot` (and less than \
                 {LARGEST_FOR_GRAPHVIZ} variables and functions); without it, write an .svg"
            ),
        )),
    }
}

fn own_svg(drawing: &Drawing) -> Result<String> {
    let placed = layout::place(drawing).ok_or(Error::GraphTooLarge {
        size: drawing.vertices.len(),
    })?;
    Ok(svg::write(drawing, &placed))
}

fn write(path: &Path, contents: &[u8]) -> Result<()> {
    use std::io::Write;
    dezero_array::write_atomically(path, |file| Ok(file.write_all(contents)?))?;
    Ok(())
}
