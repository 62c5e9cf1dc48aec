//! Graphviz' program `dot`, where it is installed.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// `dot` is stopped after so long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) enum Failure {
    NotInstalled,
    Other(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Other(format!("`dot`: {error}"))
    }
}

/// The picture that `dot` makes of `text`, in `format`.
pub(super) fn run(text: &str, format: &str) -> Result<Vec<u8>, Failure> {
    let spawned = Command::new("dot")
        .arg(format!("-T{format}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Failure::NotInstalled),
        Err(error) => return Err(error.into()),
    };
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    // A thread for each pipe: whichever fills up first, nobody waits for ever.
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(text.as_bytes()).ok());
        let picture = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        let complaint = scope.spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let finished = wait(&mut child)?;
        let picture = picture.join().expect("reads without panic")?;
        let complaint = complaint.join().expect("reads without panic")?;
        if !finished {
            return Err(Failure::Other(format!(
                "`dot` was stopped after {} s",
                PATIENCE.as_secs()
            )));
        }
        if picture.is_empty() {
            let complaint = String::from_utf8_lossy(&complaint);
            return Err(Failure::Other(format!("`dot`: {}", complaint.trim())));
        }
        Ok(picture)
    })
}

/// Waits for the end; false where it came by force.
fn wait(child: &mut Child) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(5));
    }
}
