//! [`Drawing`]: what a picture of a graph shows, gathered from the nodes.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

use dezero_array::{DType, Shape};

use super::GraphOptions;
use crate::backprop;
use crate::error::{Error, Result};
use crate::node::Node;
use crate::variable::Variable;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Variable,
    Constant,
    Function,
}

pub(super) struct Vertex {
    pub(super) kind: Kind,
    pub(super) label: String,
}

/// Vertices in the order in which a walk from the result meets them, and edges that point from
/// inputs to outputs.
pub(super) struct Drawing {
    pub(super) vertices: Vec<Vertex>,
    pub(super) edges: Vec<(usize, usize)>,
}

/// A variable: output `.1` of the node with sequence number `.0`.
type Key = (u64, u32);

struct Walk<'a> {
    options: &'a GraphOptions,
    drawing: Drawing,
    /// The vertex of each variable met.
    variables: HashMap<Key, usize>,
    /// The vertex of each function met.
    functions: HashMap<u64, usize>,
    waiting: VecDeque<Arc<Node>>,
    types: HashMap<Key, (Shape, DType)>,
    /// Variables whose shape is not known yet, with their names.
    untyped: Vec<(Key, usize)>,
}

impl Drawing {
    /// What is seen from `y`, of at most `limit` vertices.
    pub(super) fn of(y: &Variable, options: &GraphOptions, limit: usize) -> Result<Drawing> {
        let edge = y.0.read().edge.clone().expect("not a constant");
        let mut walk = Walk {
            options,
            drawing: Drawing {
                vertices: Vec::new(),
                edges: Vec::new(),
            },
            variables: HashMap::new(),
            functions: HashMap::new(),
            waiting: VecDeque::new(),
            types: HashMap::new(),
            untyped: Vec::new(),
        };
        walk.variable(&edge.node, edge.index);
        while let Some(node) = walk.waiting.pop_front() {
            walk.function(&node);
            if walk.drawing.vertices.len() > limit {
                let size = walk.drawing.vertices.len();
                return Err(Error::GraphTooLarge { size });
            }
        }
        if options.verbose {
            walk.add_types(y);
        }
        Ok(walk.drawing)
    }

    pub(super) fn to_dot(&self) -> String {
        let mut ids = Vec::with_capacity(self.vertices.len());
        let (mut variables, mut functions) = (0, 0);
        for vertex in &self.vertices {
            let (letter, count) = match vertex.kind {
                Kind::Function => ('f', &mut functions),
                Kind::Variable | Kind::Constant => ('v', &mut variables),
            };
            ids.push(format!("{letter}{count}"));
            *count += 1;
        }
        let mut text = String::from("digraph g {\n");
        let mut edges = self.edges.iter().peekable();
        for (i, (vertex, id)) in self.vertices.iter().zip(&ids).enumerate() {
            let style = match vertex.kind {
                Kind::Variable => "color=orange, style=filled",
                Kind::Constant => "color=lightgray, style=filled",
                Kind::Function => "color=lightblue, style=filled, shape=box",
            };
            let label = escaped(&vertex.label);
            writeln!(text, "{id} [label=\"{label}\", {style}]").expect("strings grow");
            // Each edge follows the later of its ends.
            while let Some((from, to)) = edges.next_if(|(from, to)| *from.max(to) <= i) {
                writeln!(text, "{} -> {}", ids[*from], ids[*to]).expect("strings grow");
            }
        }
        for (from, to) in edges {
            writeln!(text, "{} -> {}", ids[*from], ids[*to]).expect("strings grow");
        }
        text += "}\n";
        text
    }
}

impl Walk<'_> {
    fn add(&mut self, kind: Kind, label: String) -> usize {
        self.drawing.vertices.push(Vertex { kind, label });
        self.drawing.vertices.len() - 1
    }

    /// The vertex of output `index` of `node`; where it is new, the function behind it is met later.
    fn variable(&mut self, node: &Arc<Node>, index: u32) -> usize {
        let key = (node.sequence, index);
        if let Some(&vertex) = self.variables.get(&key) {
            return vertex;
        }
        let body = node.body.read_recursive();
        let held = body.output(index);
        let name = held.as_ref().and_then(Variable::name);
        let name = name.or_else(|| body.output_name(index).map(str::to_owned));
        let name = name.or_else(|| match body.function() {
            Some(_) => None,
            None => self.options.names.get(&node.sequence).cloned(),
        });
        if let Some(held) = held {
            self.types.insert(key, (held.shape(), held.dtype()));
        }
        let is_computed = body.function().is_some();
        drop(body);
        let vertex = self.add(Kind::Variable, name.unwrap_or_default());
        self.variables.insert(key, vertex);
        self.untyped.push((key, vertex));
        if is_computed && !self.functions.contains_key(&node.sequence) {
            // The place is taken now, so that the walk is in order of breadth.
            self.functions.insert(node.sequence, usize::MAX);
            self.waiting.push_back(node.clone());
        }
        vertex
    }

    fn function(&mut self, node: &Arc<Node>) {
        let body = node.body.read_recursive();
        let Some(function) = body.function() else {
            return;
        };
        let label = title(function.name(), &function.setting());
        let vertex = self.add(Kind::Function, label);
        self.functions.insert(node.sequence, vertex);
        for index in 0..body.output_count() as u32 {
            if let Some((shape, dtype)) = body.output_type(index) {
                self.types.insert((node.sequence, index), (shape, dtype));
            }
            let output = self.variable(node, index);
            self.drawing.edges.push((vertex, output));
        }
        for (i, edge) in body.edges.iter().enumerate() {
            let saved = body
                .saved(i)
                .map(|x| (Shape::from_slice(x.shape()), x.dtype()));
            let input = match edge {
                Some(edge) => {
                    let input = self.variable(&edge.node, edge.index);
                    if let Some(saved) = saved {
                        self.types.insert((edge.node.sequence, edge.index), saved);
                    }
                    input
                }
                None if !self.options.constants => continue,
                None => {
                    let label = match saved {
                        Some(saved) if self.options.verbose => describe(&saved),
                        _ => String::new(),
                    };
                    self.add(Kind::Constant, label)
                }
            };
            self.drawing.edges.push((input, vertex));
        }
    }

    fn add_types(&mut self, y: &Variable) {
        let all_known = self
            .untyped
            .iter()
            .all(|(key, _)| self.types.contains_key(key));
        if !all_known {
            // A gradient has the shape and the type of its variable.
            for (key, found) in backprop::gradient_types(y) {
                self.types.entry(key).or_insert(found);
            }
        }
        for (key, vertex) in &self.untyped {
            if let Some(found) = self.types.get(key) {
                let label = &mut self.drawing.vertices[*vertex].label;
                if !label.is_empty() {
                    *label += ": ";
                }
                *label += &describe(found);
            }
        }
    }
}

/// As NumPy prints them: `(2, 3) float32`.
fn describe((shape, dtype): &(Shape, DType)) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if sizes.len() == 1 { "," } else { "" };
    format!("({}{comma}) {dtype}", sizes.join(", "))
}

/// The book's name of a function, `SumTo` for `sum_to`, with what it was set to.
fn title(name: &str, setting: &str) -> String {
    let mut title = match name {
        "matmul" => String::from("MatMul"),
        _ => name
            .split('_')
            .map(|word| {
                let mut letters = word.chars();
                let first = letters.next().map(|first| first.to_ascii_uppercase());
                first.into_iter().chain(letters).collect::<String>()
            })
            .collect(),
    };
    if !setting.is_empty() {
        title.push(' ');
        title += setting;
    }
    title
}

fn escaped(label: &str) -> String {
    let label = label.replace('\\', "\\\\").replace('"', "\\\"");
    label.replace('\n', "\\n")
}
