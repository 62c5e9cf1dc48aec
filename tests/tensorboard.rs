//! TensorBoard itself (PyPI's package) reads the event files.
//!
//! Asks the Python that `DEZERO_TENSORBOARD_PYTHON` names, as `.ci/run` does; without it there is nobody to ask.

use std::process::Command;

use dezero::Parameter;
use dezero::data::{Image, ImageMode};
use dezero::training::{Json, Resumable, RunFolder, json};

#[test]
fn tensorboard_reads_scalars_histograms_and_images() {
    let Ok(python) = std::env::var("DEZERO_TENSORBOARD_PYTHON") else {
        eprintln!("SKIPPED: set DEZERO_TENSORBOARD_PYTHON to a Python that has tensorboard");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let model = Parameter::new([[-1.0, 0.0], [0.5, 2.0]]);
    let mut run = RunFolder::create(&path).unwrap();
    let losses = [0.5, 0.25, f64::NAN, 1e-3];
    for (step, loss) in (1..).zip(losses) {
        run.log_step(1, step, &[("loss", loss), ("größe", 2.0 * loss)])
            .unwrap();
    }
    run.log_model(4, &model).unwrap();
    let image = Image::new((0..60).map(|i| i * 4).collect(), [4, 5], ImageMode::Rgb);
    run.log_image(4, "digits", &image).unwrap();
    run.log_epoch(1, 4, &[("accuracy", 0.75)]).unwrap();
    let checkpoint = run.state();
    // What comes now is lost with the process.
    run.log_step(2, 5, &[("loss", 99.0)]).unwrap();
    run.log_step(2, 6, &[("loss", 99.0)]).unwrap();
    drop(run);
    let mut run = RunFolder::resume(&path).unwrap();
    run.set_state(checkpoint).unwrap();
    run.log_step(2, 5, &[("loss", 0.125)]).unwrap();
    drop(run);

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tensorboard.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&path)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found = String::from_utf8(output.stdout).unwrap();
    let found: Json = found.lines().last().unwrap().parse().unwrap();

    let half = |x: f64| f64::from(x as f32);
    let printed = |x: f64| {
        if x.is_nan() {
            "nan".to_owned()
        } else {
            format!("{x:?}")
        }
    };
    let mut expected: Vec<Json> = (1..)
        .zip(losses)
        .map(|(n, x)| json!([n, printed(half(x))]))
        .collect();
    expected.push(json!([5, "0.125"]));
    assert_eq!(found["scalars"]["step/loss"], Json::from(expected));
    assert_eq!(found["scalars"]["step/größe"][0], json!([1, "1.0"]));
    assert_eq!(found["scalars"]["epoch/accuracy"], json!([[4, "0.75"]]));
    let histogram = &found["histograms"]["weights/"][0];
    let (step, numbers) = (&histogram[0], &histogram.as_array().unwrap()[1..6]);
    assert_eq!(*step, json!(4));
    assert_eq!(
        numbers,
        [json!(-1.0), json!(2.0), json!(4.0), json!(1.5), json!(5.25)]
    );
    let of = |i: usize| -> Vec<f64> {
        let list = histogram[i].as_array().unwrap().iter();
        list.map(|x| x.as_f64().unwrap()).collect()
    };
    let (limits, counts) = (of(6), of(7));
    assert_eq!(counts.iter().sum::<f64>(), 4.0);
    assert!(limits.is_sorted() && (limits.last().unwrap() - 2.0).abs() < 1e-12);
    // Each element is in the bucket that ends at or after it.
    for x in model.data().to_vec::<f64>() {
        let below: f64 = (0..limits.len())
            .filter(|&i| limits[i] >= x - 1e-9)
            .map(|i| counts[i])
            .sum();
        let true_count = model
            .data()
            .to_vec::<f64>()
            .iter()
            .filter(|&&y| y >= x)
            .count();
        assert!(below >= true_count as f64, "{x}");
    }
    assert_eq!(found["images"]["images/digits"], json!([[4, 4, 5, [5, 4]]]));
}
