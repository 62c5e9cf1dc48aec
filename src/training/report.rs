//! [`Report`]: what a training did, on one page.

use std::fs;
use std::path::Path;

use dezero_array::{Array, DType};
use serde_json::{Map, Value, json};

use super::metrics::{ConfusionMatrix, Metric};
use super::page::{Chart, Page, Series};
use super::png;
use crate::data::Image;
use crate::error::{Error, Result};

/// A page about a training: `report.html`, one file that needs no other and no network, for light and dark screens
/// and for phones.
///
/// It has the curves of every figure in `metrics.jsonl` (a figure `test loss` of the epochs is drawn with
/// the `loss` of the steps), what was taken for what, examples with the wrong ones first, tables, and pictures.
///
/// ```
/// use dezero::data::{Image, ImageMode};
/// use dezero::training::metrics::ConfusionMatrix;
/// use dezero::training::{Report, RunFolder};
/// # let folder = std::env::temp_dir().join(format!("dezero-report-{}", std::process::id()));
/// let mut run = RunFolder::create(&folder)?;
/// for step in 1..=100 {
///     run.log_step(1, step, &[("loss", 1.0 / step as f64), ("learning rate", 0.1)])?;
/// }
/// let mut report = Report::new("my first run");
/// report.run(&folder)?;
/// report.confusion_matrix(&ConfusionMatrix::new(2), ["cat", "dog"]);
/// report.sample(&Image::new(vec![0; 64], [8, 8], ImageMode::Gray), "cat", "dog", 0.8);
/// report.write(folder.join("report.html"))?;
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Report {
    page: Page,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    image: Image,
    truth: String,
    found: String,
    confidence: f64,
}

/// Points of a curve at most; each stands for the mean of as many steps as it takes.
const POINTS: usize = 1500;
/// A figure that is drawn as it is: neither smoothed nor on a logarithmic axis.
const LEARNING_RATE: &str = "learning rate";
/// Examples shown at most.
const SAMPLES: usize = 120;

impl Report {
    /// An empty page.
    pub fn new(title: &str) -> Report {
        let page = Page {
            title: title.to_owned(),
            ..Page::default()
        };
        Report {
            page,
            samples: Vec::new(),
        }
    }

    /// Adds the curves, the configuration and the environment of a run, from the files in its folder. The run may be
    /// under way or have been killed.
    ///
    /// # Errors
    /// If `metrics.jsonl` cannot be read, or is not what a [`RunFolder`](super::RunFolder) writes.
    pub fn run(&mut self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        let path = folder.join("metrics.jsonl");
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        let figures = Figures::read(&text).map_err(|line| {
            Error::format(&path, format!("line {line} is not a line of metrics"))
        })?;
        self.page.subtitle = figures.subtitle();
        self.page.tiles = figures.last();
        self.page.charts.extend(figures.charts());
        let settings = |name: &str| -> Option<Value> {
            serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok()
        };
        if let Some(config) = settings("config.json") {
            let rows = rows(&config);
            self.page.tables.push(("Configuration".to_owned(), rows));
        }
        if let Some(Value::Array(sessions)) = settings("environment.json") {
            self.page.started = sessions.first().and_then(|s| s["started"].as_f64());
            if let Some(Value::Object(mut last)) = sessions.last().cloned() {
                last.insert("sessions".to_owned(), json!(sessions.len()));
                last.shift_remove("started");
                let rows = rows(&Value::Object(last));
                self.page.tables.push(("Environment".to_owned(), rows));
            }
        }
        Ok(())
    }

    /// Adds what was taken for what.
    ///
    /// # Panics
    /// If there is not one name for each class.
    #[track_caller]
    pub fn confusion_matrix<N: AsRef<str>>(
        &mut self,
        matrix: &ConfusionMatrix,
        names: impl IntoIterator<Item = N>,
    ) {
        let names: Vec<String> = names.into_iter().map(|n| n.as_ref().to_owned()).collect();
        let classes = matrix.classes();
        if names.len() != classes {
            panic!("Report: {} names for {classes} classes", names.len());
        }
        let counts = matrix.counts().to_vec::<i64>();
        let counts: Vec<&[i64]> = counts.chunks(classes).collect();
        self.page.matrices.push(json!({
            "title": format!("Confusion matrix · {:.2} % right", 100.0 * matrix.accuracy()),
            "names": names,
            "counts": counts,
        }));
    }

    /// Adds an example: what it is, what it was taken for, and how sure the model was (0 to 1). They are shown with the
    /// wrong ones first, the surest before the others.
    pub fn sample(&mut self, image: &Image, truth: &str, found: &str, confidence: f64) {
        self.samples.push(Sample {
            image: image.clone(),
            truth: truth.to_owned(),
            found: found.to_owned(),
            confidence: if confidence.is_nan() { 0.0 } else { confidence },
        });
    }

    /// Adds the confusion matrix and the examples of a test: scores `y` (n, classes) before the softmax for labels `t` (n),
    /// and the image of each example.
    ///
    /// # Panics
    /// If the shapes are not these, or there is not one name for each class.
    #[track_caller]
    pub fn classification<N: AsRef<str>>(
        &mut self,
        y: &Array,
        t: &Array,
        names: impl IntoIterator<Item = N>,
        image: impl Fn(usize) -> Image,
    ) {
        let names: Vec<String> = names.into_iter().map(|n| n.as_ref().to_owned()).collect();
        let mut matrix = ConfusionMatrix::new(names.len());
        matrix.update(y, t);
        self.confusion_matrix(&matrix, &names);
        let p = y.to_dtype(DType::F64).softmax(-1).to_vec::<f64>();
        let found = y.argmax_axis(-1, false).to_vec::<i64>();
        let labels = t.to_vec::<i64>();
        for (i, (&found, label)) in found.iter().zip(labels).enumerate() {
            let found = found as usize;
            let confidence = p[i * names.len() + found];
            self.sample(&image(i), &names[label as usize], &names[found], confidence);
        }
    }

    /// Adds a text as it is, in letters of one width: the table of a model.
    pub fn text(&mut self, title: &str, text: &str) {
        self.page.texts.push((title.to_owned(), text.to_owned()));
    }

    /// Adds a picture from the text of an SVG file: the graph of a model. Scripts in it do not run.
    pub fn svg(&mut self, title: &str, svg: &str) {
        let url = png::svg_data_url(svg);
        self.page.pictures.push((title.to_owned(), url));
    }

    /// Adds a picture.
    pub fn image(&mut self, title: &str, image: &Image) {
        let url = png::data_url(image);
        self.page.pictures.push((title.to_owned(), url));
    }

    /// Writes the page. The file is replaced as a whole.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(mut self, path: impl AsRef<Path>) -> Result<()> {
        if !self.samples.is_empty() {
            let samples = samples(std::mem::take(&mut self.samples));
            self.page.samples.push(samples);
        }
        self.page.write(path.as_ref())
    }
}

fn samples(mut samples: Vec<Sample>) -> Value {
    let wrong = |sample: &Sample| sample.truth != sample.found;
    let all = samples.len();
    let misread = samples.iter().filter(|&sample| wrong(sample)).count();
    samples.sort_by(|a, b| {
        let by_confidence = a.confidence.total_cmp(&b.confidence);
        match (wrong(a), wrong(b)) {
            (true, true) => by_confidence.reverse(),
            (false, false) => by_confidence,
            (a, b) => b.cmp(&a),
        }
    });
    samples.truncate(SAMPLES);
    let shown = match samples.len() {
        n if n < all => format!(", {n} of them shown"),
        _ => String::new(),
    };
    let items: Vec<Value> = samples
        .iter()
        .map(|sample| {
            json!({
                "image": png::data_url(&sample.image),
                "truth": sample.truth,
                "found": sample.found,
                "confidence": sample.confidence,
                "wrong": wrong(sample),
            })
        })
        .collect();
    json!({
        "title": "Predictions",
        "note": format!("{misread} wrong of {all}{shown}: the wrong ones first, then the least sure"),
        "items": items,
    })
}

/// The rows of a table of settings; what is nested gets a path.
fn rows(value: &Value) -> Vec<(String, String)> {
    fn add(path: &str, value: &Value, rows: &mut Vec<(String, String)>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let dot = if path.is_empty() { "" } else { "." };
                    add(&format!("{path}{dot}{key}"), value, rows);
                }
            }
            Value::String(text) => rows.push((path.to_owned(), text.clone())),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                rows.push((path.to_owned(), items.join(" ")));
            }
            value => rows.push((path.to_owned(), value.to_string())),
        }
    }
    let mut all = Vec::new();
    add("", value, &mut all);
    all
}

/// The lines of `metrics.jsonl`, figure by figure.
#[derive(Default)]
struct Figures {
    /// Figures of steps and of epochs, in the order of their appearance.
    columns: Vec<Column>,
    seconds: f64,
    steps: u64,
    epochs: u64,
}

struct Column {
    name: String,
    of_epochs: bool,
    /// Step and value.
    points: Vec<(f64, f64)>,
    /// Steps whose value is not finite.
    not_finite: Vec<u64>,
}

impl Figures {
    /// Or the number of the first line that is something else. The last one may have been cut off by a kill.
    fn read(text: &str) -> std::result::Result<Figures, usize> {
        let mut figures = Figures::default();
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            match serde_json::from_str::<Map<String, Value>>(line) {
                Ok(line) => figures.add(&line).ok_or(i + 1)?,
                Err(_) if i + 1 == lines.len() && !text.ends_with('\n') => {}
                Err(_) => return Err(i + 1),
            }
        }
        Ok(figures)
    }

    fn add(&mut self, line: &Map<String, Value>) -> Option<()> {
        let of_epochs = match line.get("event")?.as_str()? {
            "step" => false,
            "epoch" => true,
            _ => return Some(()), // of a later version
        };
        let step = line.get("step")?.as_u64()?;
        self.steps = self.steps.max(step);
        self.epochs = self.epochs.max(line.get("epoch")?.as_u64()?);
        self.seconds = line.get("seconds")?.as_f64()?;
        for (name, value) in line {
            if super::run_folder::OWN_KEYS.contains(&name.as_str()) {
                continue;
            }
            let same = |c: &&mut Column| c.of_epochs == of_epochs && c.name == *name;
            let column = match self.columns.iter_mut().find(same) {
                Some(column) => column,
                None => {
                    self.columns.push(Column {
                        name: name.clone(),
                        of_epochs,
                        points: Vec::new(),
                        not_finite: Vec::new(),
                    });
                    self.columns.last_mut().expect("just pushed")
                }
            };
            match value.as_f64() {
                Some(value) => column.points.push((step as f64, value)),
                None => column.not_finite.push(step),
            }
        }
        Some(())
    }

    fn subtitle(&self) -> String {
        let seconds = self.seconds.round() as u64;
        let time = match seconds {
            0..120 => format!("{seconds} s"),
            120..7200 => format!("{} min", seconds / 60),
            _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        };
        let epochs = if self.epochs == 1 { "epoch" } else { "epochs" };
        format!("{} {epochs} · {} steps · {time}", self.epochs, self.steps)
    }

    /// The last value of each figure of the epochs, or of the steps where there is none.
    fn last(&self) -> Vec<(String, Value)> {
        let any_of_epochs = self.columns.iter().any(|c| c.of_epochs);
        let columns = self.columns.iter().filter(|c| c.of_epochs == any_of_epochs);
        columns
            .filter_map(|c| Some((c.name.clone(), json!(c.points.last()?.1))))
            .collect()
    }

    /// A chart for each figure, in which those of the steps and of the epochs meet.
    fn charts(&self) -> Vec<Chart> {
        let mut charts: Vec<Chart> = Vec::new();
        let of_steps = |name: &str| self.columns.iter().any(|c| !c.of_epochs && c.name == name);
        for column in &self.columns {
            if column.of_epochs && of_steps(&column.name) {
                continue; // the mean of what the steps show
            }
            let name = &column.name;
            let title = subject(&column.name).to_owned();
            let i = charts.iter().position(|chart| chart.title == title);
            let i = i.unwrap_or_else(|| {
                charts.push(Chart {
                    title,
                    x: "step".to_owned(),
                    log_y: (column.name == LEARNING_RATE).then_some(false),
                    ..Chart::default()
                });
                charts.len() - 1
            });
            let chart = &mut charts[i];
            let (points, each) = thinned(&column.points);
            if each > 1 {
                chart
                    .notes
                    .push(format!("{name}: each point is the mean of {each} steps"));
            }
            if let Some(first) = column.not_finite.first() {
                let n = column.not_finite.len();
                chart
                    .notes
                    .push(format!("{name}: {n} not finite, the first at step {first}"));
            }
            chart.series.push(Series {
                name: name.clone(),
                points,
                smooth: !column.of_epochs && column.name != LEARNING_RATE,
            });
        }
        charts
    }
}

/// `loss` of `test loss`: what it is about, without the data that it was taken from.
fn subject(name: &str) -> &str {
    ["test ", "validation ", "held-out ", "train ", "training "]
        .iter()
        .find_map(|data| name.strip_prefix(data))
        .unwrap_or(name)
}

/// At most so many points, each the mean of as many as it takes.
fn thinned(points: &[(f64, f64)]) -> (Vec<(f64, f64)>, usize) {
    let each = points.len().div_ceil(POINTS).max(1);
    let means = points.chunks(each).map(|chunk| {
        let n = chunk.len() as f64;
        let sum = |of: fn(&(f64, f64)) -> f64| chunk.iter().map(|p| of(p) / n).sum::<f64>();
        (sum(|p| p.0), sum(|p| p.1))
    });
    (means.collect(), each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_steps_and_epochs_meet_in_one_chart() {
        let mut text = String::new();
        for step in 1..=4000 {
            let loss = if step == 7 { json!("NaN") } else { json!(step) };
            let line =
                json!({"event": "step", "epoch": 1, "step": step, "seconds": 0.5, "loss": loss});
            text += &format!("{line}\n");
        }
        text +=
            r#"{"event":"epoch","epoch":1,"step":4000,"seconds":80.0,"test loss":2.5,"loss":3.0}"#;
        text += "\n{\"event\":\"st";
        let figures = Figures::read(&text).unwrap();
        assert_eq!(figures.subtitle(), "1 epoch · 4000 steps · 80 s");
        let charts = figures.charts();
        assert_eq!(charts.len(), 1);
        let names: Vec<&str> = charts[0].series.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["loss", "test loss"]);
        assert!(charts[0].series[0].points.len() <= POINTS);
        assert_eq!(charts[0].series[1].points, [(4000.0, 2.5)]);
        assert!(
            charts[0]
                .notes
                .contains(&"loss: 1 not finite, the first at step 7".to_owned())
        );
        assert_eq!(Figures::read("{}\n").err(), Some(1));
        assert_eq!(Figures::read("{\"event\":\"step\"\nx\n").err(), Some(1));
    }

    #[test]
    fn the_surest_mistakes_come_first() {
        let mut report = Report::new("");
        let image = Image::new(vec![0], [1, 1], crate::data::ImageMode::Gray);
        for (truth, found, confidence) in [
            ("a", "a", 0.9),
            ("a", "b", 0.4),
            ("b", "b", 0.6),
            ("b", "a", 0.8),
            ("a", "b", f64::NAN),
        ] {
            report.sample(&image, truth, found, confidence);
        }
        let value = samples(report.samples);
        let items = value["items"].as_array().unwrap();
        let order: Vec<f64> = items
            .iter()
            .map(|s| s["confidence"].as_f64().unwrap())
            .collect();
        assert_eq!(order, [0.8, 0.4, 0.0, 0.6, 0.9]);
        assert_eq!(
            value["note"],
            "3 wrong of 5: the wrong ones first, then the least sure"
        );
    }
}
