//! The tree of layers that grows from what was seen.

use std::collections::{HashMap, HashSet};

use super::SummaryRow;
use crate::layers::Layer;
use crate::parameter::Parameter;
use crate::watch::{self, Event};

/// A node of the tree of layers, in which functions are leaves.
struct Entry {
    row: SummaryRow,
    children: Vec<usize>,
}

/// The layers that the functions of a run belong to.
pub(super) struct Tree {
    pub(super) params: Vec<(String, Parameter)>,
    /// The layer that a variable is a parameter of, or was computed from the parameters of.
    layer_of: HashMap<usize, String>,
    /// The parameters themselves.
    own: HashSet<usize>,
    /// Variables that depend on the input.
    pub(super) data: HashSet<usize>,
    entries: Vec<Entry>,
    roots: Vec<usize>,
    by_path: HashMap<String, usize>,
    /// Functions by the layer before them and their name.
    by_place: HashMap<(String, &'static str), usize>,
}

/// The path of the layer that a parameter belongs to.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// What two different layers are both part of.
fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let mut length = 0;
    let parents = parent(a).split('/').zip(parent(b).split('/'));
    for (part, other) in parents {
        if part != other || part.is_empty() {
            break;
        }
        length += part.len() + usize::from(length > 0);
    }
    &a[..length]
}

impl Tree {
    pub(super) fn new(model: &(impl Layer + ?Sized)) -> Tree {
        let mut params = model.named_params();
        params.retain(|(_, param)| param.get().is_some());
        let layer_of = params
            .iter()
            .map(|(name, param)| (watch::Participant::of(param).key(), parent(name).to_owned()));
        let layer_of: HashMap<usize, String> = layer_of.collect();
        Tree {
            own: layer_of.keys().copied().collect(),
            layer_of,
            params,
            data: HashSet::new(),
            entries: Vec::new(),
            roots: Vec::new(),
            by_path: HashMap::new(),
            by_place: HashMap::new(),
        }
    }

    pub(super) fn grow(&mut self, events: &[&Event]) {
        let layers: Vec<Option<String>> =
            events.iter().map(|event| self.attribute(event)).collect();
        let mut before = None;
        for (i, event) in events.iter().enumerate() {
            if let Some(path) = &layers[i] {
                let is_call = before != Some(path) || self.is_repeated(path, event.name);
                before = Some(path);
                let entry = self.layer(path);
                self.add(entry, event, is_call);
                continue;
            }
            let place = (before.cloned().unwrap_or_default(), event.name);
            let entry = match self.by_place.get(&place) {
                Some(&entry) => entry,
                None => {
                    let after = layers[i..].iter().flatten().next();
                    let group = match (before, after) {
                        (Some(before), Some(after)) => common(before, after),
                        _ => "",
                    };
                    let entry = self.entry(String::new(), group);
                    self.by_place.insert(place, entry);
                    entry
                }
            };
            self.add(entry, event, true);
        }
    }

    /// The layer that an application belongs to; `None` for a function of the data alone.
    fn attribute(&mut self, event: &Event) -> Option<String> {
        let keys = || event.inputs.iter().map(watch::Participant::key);
        let layers = || keys().filter_map(|key| self.layer_of.get(&key));
        let own = keys().find(|key| self.own.contains(key));
        let layer = match own {
            Some(key) => self.layer_of.get(&key),
            None => layers().next(),
        };
        let layer = layer.cloned();
        let is_weight = |key: usize| self.layer_of.contains_key(&key);
        let is_data = layer.is_none()
            || keys().any(|key| self.data.contains(&key))
            // What one layer makes for another.
            || layers().any(|other| Some(other) != layer.as_ref())
            // A product with an array that is no weight, such as the zeros that a recurrent layer starts from.
            || (event.multiply_adds > 0 && !keys().all(is_weight))
            // Its positions are the data, though no variable.
            || event.name == "embed_id";
        for output in &event.outputs {
            if is_data {
                self.data.insert(output.key());
            } else if let Some(layer) = &layer {
                // Still a parameter, only in another form, such as transposed.
                self.layer_of.insert(output.key(), layer.clone());
            }
        }
        layer
    }

    /// Whether a function that the layer applied before comes again: its next call.
    fn is_repeated(&self, path: &str, name: &str) -> bool {
        let Some(&entry) = self.by_path.get(path) else {
            return false;
        };
        self.entries[entry].row.functions.first() == Some(&name)
    }

    /// The entry of a layer or a group; those around it are made too.
    fn layer(&mut self, path: &str) -> usize {
        if let Some(&entry) = self.by_path.get(path) {
            return entry;
        }
        let group = parent(path).to_owned();
        let entry = self.entry(path.to_owned(), &group);
        self.by_path.insert(path.to_owned(), entry);
        let own = self.params.iter().filter(|(name, _)| parent(name) == path);
        self.entries[entry].row.num_params = own.map(|(_, param)| param.size()).sum();
        entry
    }

    fn entry(&mut self, path: String, group: &str) -> usize {
        let group = (!group.is_empty()).then(|| self.layer(group));
        let depth = group.map_or(0, |group| self.entries[group].row.depth + 1);
        let row = SummaryRow {
            path,
            functions: Vec::new(),
            depth,
            is_group: false,
            output: None,
            calls: 0,
            num_params: 0,
            multiply_adds: 0,
            bytes: 0,
        };
        self.entries.push(Entry {
            row,
            children: Vec::new(),
        });
        let entry = self.entries.len() - 1;
        match group {
            Some(group) => {
                self.entries[group].children.push(entry);
                self.entries[group].row.is_group = true;
            }
            None => self.roots.push(entry),
        }
        entry
    }

    fn add(&mut self, entry: usize, event: &Event, is_call: bool) {
        let row = &mut self.entries[entry].row;
        row.calls += usize::from(is_call);
        row.multiply_adds += event.multiply_adds;
        row.bytes += event.bytes;
        if !row.functions.contains(&event.name) {
            row.functions.push(event.name);
        }
        if row.calls <= 1 {
            row.output = event.output.clone();
        }
    }

    pub(super) fn add_unused(&mut self) {
        let paths: Vec<String> = self
            .params
            .iter()
            .map(|(name, _)| parent(name).to_owned())
            .collect();
        for path in paths {
            self.layer(&path);
        }
    }

    pub(super) fn rows(mut self) -> Vec<SummaryRow> {
        let mut rows = Vec::with_capacity(self.entries.len());
        for root in std::mem::take(&mut self.roots) {
            self.push_rows(root, &mut rows);
        }
        rows
    }

    /// Pushes the rows of an entry and of what is inside of it, and sums these up.
    fn push_rows(&self, entry: usize, rows: &mut Vec<SummaryRow>) {
        let Entry { row, children } = &self.entries[entry];
        let place = rows.len();
        rows.push(row.clone());
        for &child in children {
            let at = rows.len();
            self.push_rows(child, rows);
            let child = rows[at].clone();
            let row = &mut rows[place];
            row.num_params += child.num_params;
            row.multiply_adds += child.multiply_adds;
            row.bytes += child.bytes;
            // The result of a group is that of what it does last.
            row.output = child.output.or(row.output.take());
            row.calls = row.calls.max(1);
        }
    }
}
