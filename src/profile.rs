//! [`profile()`]: where the time of a computation goes.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use dezero_array::write_atomically;

use crate::error::Result;
use crate::table::{in_bytes, write_table};
use crate::watch::{self, Event, Pass};

/// Runs `body`, and measures every function that this thread applies and every backward that it calls. What `body`
/// returns is dropped.
///
/// ```
/// use dezero::{Array, DType, Variable, functions, profile};
/// let x = Variable::new(Array::ones([64, 64], DType::F32));
/// let profile = profile(|| {
///     let y = x.matmul(&x).relu().sum();
///     y.backward();
/// });
/// let row = profile.rows().iter().find(|row| row.name() == "matmul").unwrap();
/// assert_eq!((row.forward_calls(), row.backward_calls()), (1, 1));
/// println!("{profile}");
/// ```
///
/// Measuring takes some hundred nanoseconds for each function; where nothing is profiled, it takes none.
pub fn profile<R>(body: impl FnOnce() -> R) -> Profile {
    let (_, seen) = watch::watching(None, body);
    Profile::new(seen.events, seen.duration)
}

/// What [`profile()`] measured. It prints as a table.
pub struct Profile {
    events: Vec<Event>,
    duration: Duration,
    rows: Vec<ProfileRow>,
}

/// All calls of one function.
#[derive(Clone, Debug)]
pub struct ProfileRow {
    name: &'static str,
    forward: Calls,
    backward: Calls,
}

#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    count: usize,
    duration: Duration,
    bytes: usize,
    multiply_adds: u64,
}

impl Calls {
    fn add(&mut self, event: &Event) {
        self.count += 1;
        self.duration += event.duration;
        self.bytes += event.bytes;
        self.multiply_adds += event.multiply_adds;
    }
}

impl ProfileRow {
    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How often it was applied, apart from applications inside of a backward, which are part of that.
    pub fn forward_calls(&self) -> usize {
        self.forward.count
    }

    /// How often its backward was called.
    pub fn backward_calls(&self) -> usize {
        self.backward.count
    }

    /// The time of all applications.
    pub fn forward_time(&self) -> Duration {
        self.forward.duration
    }

    /// The time of all backward calls, with the functions that they apply.
    pub fn backward_time(&self) -> Duration {
        self.backward.duration
    }

    /// Bytes of all results, without views of inputs.
    pub fn forward_bytes(&self) -> usize {
        self.forward.bytes
    }

    /// Bytes of all gradients.
    pub fn backward_bytes(&self) -> usize {
        self.backward.bytes
    }

    fn time(&self) -> Duration {
        self.forward.duration + self.backward.duration
    }
}

impl Profile {
    fn new(mut events: Vec<Event>, duration: Duration) -> Profile {
        // Recorded as they end; shown as they begin.
        events.sort_by_key(|event| (event.start, event.depth));
        let mut rows: HashMap<&'static str, ProfileRow> = HashMap::new();
        for event in events.iter().filter(|event| event.depth == 0) {
            let row = rows.entry(event.name).or_insert_with(|| ProfileRow {
                name: event.name,
                forward: Calls::default(),
                backward: Calls::default(),
            });
            match event.pass {
                Pass::Forward => row.forward.add(event),
                Pass::Backward => row.backward.add(event),
            }
        }
        let mut rows: Vec<ProfileRow> = rows.into_values().collect();
        rows.sort_by(|a, b| b.time().cmp(&a.time()).then(a.name.cmp(b.name)));
        Profile {
            events,
            duration,
            rows,
        }
    }

    /// The functions, those that took most time first.
    pub fn rows(&self) -> &[ProfileRow] {
        &self.rows
    }

    /// How long the whole took.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The time that was spent in functions, forward and backward; the rest went into the program around them, such
    /// as loading data and updating parameters.
    pub fn time_in_functions(&self) -> Duration {
        self.rows.iter().map(ProfileRow::time).sum()
    }

    /// Writes every call in the format of Chrome's tracing, which `chrome://tracing` and `ui.perfetto.dev` show on a
    /// line of time.
    ///
    /// # Errors
    /// If the file cannot be written; what was there before is then left.
    pub fn save_trace(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path, |file| {
            file.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
            writeln!(
                file,
                "{{\"name\":\"profile\",\"cat\":\"all\",\"ph\":\"X\",\"ts\":0,\"dur\":{},\"pid\":1,\"tid\":1,\"args\":{{}}}}",
                in_microseconds(self.duration)
            )?;
            for event in &self.events {
                writeln!(file, ",{}", in_json(event))?;
            }
            file.write_all(b"]}\n")?;
            Ok(())
        })?;
        Ok(())
    }
}

fn in_microseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1000.0
}

fn in_json(event: &Event) -> String {
    let (category, suffix) = match event.pass {
        Pass::Forward => ("forward", ""),
        Pass::Backward => ("backward", " backward"),
    };
    let output = match &event.output {
        Some((shape, dtype)) => format!("{dtype} {shape:?}"),
        None => String::from("none"),
    };
    format!(
        "{{\"name\":\"{}{suffix}\",\"cat\":\"{category}\",\"ph\":\"X\",\"ts\":{},\"dur\":{},\"pid\":1,\"tid\":1,\
         \"args\":{{\"output\":\"{output}\",\"bytes\":{},\"multiply_adds\":{}}}}}",
        escaped(event.name),
        in_microseconds(event.start),
        in_microseconds(event.duration),
        event.bytes,
        event.multiply_adds,
    )
}

/// A name in a JSON string: a function of somebody's own may be called anything.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            letter if letter.is_control() => text += &format!("\\u{:04x}", letter as u32),
            letter => text.push(letter),
        }
    }
    text
}

fn in_milliseconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1e3)
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEAD: [&str; 7] = [
            "function",
            "pass",
            "calls",
            "ms",
            "share",
            "µs a call",
            "memory",
        ];
        let mut table: Vec<[String; 7]> = vec![HEAD.map(String::from)];
        let share = |duration: Duration| {
            let whole = self.duration.as_secs_f64().max(1e-12);
            format!("{:.1} %", 100.0 * duration.as_secs_f64() / whole)
        };
        for row in &self.rows {
            let passes = [("forward", &row.forward), ("backward", &row.backward)];
            let mut name = row.name;
            for (pass, calls) in passes.into_iter().filter(|(_, calls)| calls.count > 0) {
                table.push([
                    name.to_owned(),
                    pass.to_owned(),
                    calls.count.to_string(),
                    in_milliseconds(calls.duration),
                    share(calls.duration),
                    format!(
                        "{:.1}",
                        in_microseconds(calls.duration) / calls.count as f64
                    ),
                    in_bytes(calls.bytes),
                ]);
                name = "";
            }
        }
        let outside = self.duration.saturating_sub(self.time_in_functions());
        let blank = String::new;
        table.push([
            String::from("(outside of functions)"),
            blank(),
            blank(),
            in_milliseconds(outside),
            share(outside),
            blank(),
            blank(),
        ]);
        table.push([
            String::from("total"),
            blank(),
            self.rows
                .iter()
                .map(|row| row.forward.count + row.backward.count)
                .sum::<usize>()
                .to_string(),
            in_milliseconds(self.duration),
            share(self.duration),
            blank(),
            blank(),
        ]);
        write_table(f, &table, 2)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
