//! The folder of a run: what is written, what is refused, and what a resumed run finds.

use std::fs;
use std::path::Path;

use dezero::training::{Json, Resumable, RunFolder, json};
use dezero::{Error, Parameter};

fn lines(path: &Path) -> Vec<Json> {
    let text = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn lines_are_json_whatever_the_figures_and_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunFolder::create(folder.path()).unwrap();
    let name = "</script>\"\n\u{1F600}";
    let figures = [
        ("loss", f64::NAN),
        ("up", f64::INFINITY),
        ("down", f64::NEG_INFINITY),
        (name, 0.1 + 0.2),
        ("tiny", 5e-324),
    ];
    run.log_step(1, 1, &figures).unwrap();
    run.log_epoch(1, 1, &[]).unwrap();
    let lines = lines(folder.path());
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["loss"], json!("NaN"));
    assert_eq!(
        (&lines[0]["up"], &lines[0]["down"]),
        (&json!("Infinity"), &json!("-Infinity"))
    );
    assert_eq!(lines[0][name], json!(0.1 + 0.2));
    assert_eq!(lines[0]["tiny"], json!(5e-324));
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    assert_eq!(keys[..5], ["event", "epoch", "step", "seconds", "loss"]);
    assert_eq!(lines[1]["event"], json!("epoch"));
}

#[test]
fn configuration_and_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/first");
    let run = RunFolder::create(&path).unwrap();
    run.write_config(&json!({"lr": 0.1, "name": "x"})).unwrap();
    drop(run);
    drop(RunFolder::resume(&path).unwrap());
    let read = |name: &str| -> Json {
        fs::read_to_string(path.join(name))
            .unwrap()
            .parse()
            .unwrap()
    };
    assert_eq!(read("config.json"), json!({"lr": 0.1, "name": "x"}));
    let sessions = read("environment.json");
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    assert_eq!(sessions[0]["dezero"], json!(env!("CARGO_PKG_VERSION")));
    assert!(
        sessions[0]["arguments"]
            .as_array()
            .is_some_and(|args| !args.is_empty())
    );
}

#[test]
fn a_resumed_run_has_every_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunFolder::create(folder.path()).unwrap();
    run.log_step(1, 1, &[("loss", 1.0)]).unwrap();
    run.log_step(1, 2, &[("loss", 2.0)]).unwrap();
    let state = run.state();
    run.log_epoch(1, 2, &[("loss", 1.5)]).unwrap();
    run.log_step(2, 3, &[("loss", 99.0)]).unwrap();
    drop(run);
    // Killed in the middle of a line.
    let path = folder.path().join("metrics.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.truncate(text.len() - 7);
    fs::write(&path, text).unwrap();

    let mut run = RunFolder::resume(folder.path()).unwrap();
    run.set_state(state).unwrap();
    run.log_epoch(1, 2, &[("loss", 1.5)]).unwrap();
    run.log_step(2, 3, &[("loss", 3.0)]).unwrap();
    let events: Vec<Json> = lines(folder.path())
        .iter()
        .map(|line| json!([line["event"], line["step"], line["loss"]]))
        .collect();
    assert_eq!(
        events,
        [
            json!(["step", 1, 1.0]),
            json!(["step", 2, 2.0]),
            json!(["epoch", 2, 1.5]),
            json!(["step", 3, 3.0])
        ]
    );
    assert!(run.set_state(vec![]).is_err());
    run.start_over().unwrap();
    assert!(lines(folder.path()).is_empty());
    run.log_step(1, 1, &[]).unwrap();
    assert_eq!(lines(folder.path()).len(), 1);
}

#[test]
fn folders_that_cannot_be_used_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let error = RunFolder::resume(&path).unwrap_err();
    assert!(
        matches!(&error, Error::NoRun { folder } if *folder == path),
        "{error}"
    );
    let run = RunFolder::create(&path).unwrap();
    let error = RunFolder::resume(&path).unwrap_err();
    assert!(matches!(error, Error::FolderInUse { .. }), "{error}");
    drop(run);
    let error = RunFolder::create(&path).unwrap_err();
    assert!(matches!(error, Error::RunFolderExists { .. }), "{error}");
    assert!(
        error.to_string().contains("resume the run in it"),
        "{error}"
    );
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [file.clone(), file.join("run")] {
        let error = RunFolder::create(&path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
    // What a process killed at its very start leaves is no run yet.
    let killed = folder.path().join("killed");
    fs::create_dir(&killed).unwrap();
    fs::write(killed.join(".lock"), b"").unwrap();
    RunFolder::create(&killed).unwrap();
}

#[test]
#[should_panic(expected = "a figure cannot be called \"step\"")]
fn a_figure_of_a_name_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunFolder::create(folder.path()).unwrap();
    let _ = run.log_step(1, 1, &[("step", 1.0)]);
}

/// A limit on the size of files stands for a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    const CHILD: &str = "DEZERO_FULL_DISK_IN";
    if let Ok(folder) = std::env::var(CHILD) {
        let mut run = RunFolder::create(folder).unwrap();
        run.log_model(1, &Parameter::new([1.0, 2.0])).unwrap();
        let error = (1..10_000).find_map(|step| run.log_step(1, step, &[("loss", 1.0)]).err());
        let error = error.expect("the disk is full");
        assert!(matches!(error, Error::Io { .. }), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 50; exec \"$0\" a_full_disk_is_an_error --exact";
    // Through pipes: the limit would hold for a file that takes this test's output, too.
    let child = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, folder.path().join("run"))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{printed}");
}
