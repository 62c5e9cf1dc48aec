//! What `rnn_sine` and `lstm_sine` are asked after they have learnt a sine: to go on with a cosine.

use std::f64::consts::PI;

use dezero::{Array, Result, Variable, no_grad};

use crate::picture;

/// Draws the predictions of `forward`, which takes and gives arrays of shape (1, 1), over the cosine itself.
pub fn show(forward: impl Fn(&Array) -> Variable) -> Result<()> {
    let xs: Vec<f64> = (0..1000)
        .map(|i| (4.0 * PI * f64::from(i) / 999.0).cos())
        .collect();
    let predictions: Vec<f64> = no_grad(|| {
        let predict = |&x: &f64| forward(&Array::new([[x]])).item();
        xs.iter().map(predict).collect()
    });
    let pairs = predictions.iter().zip(&xs[1..]);
    let error = pairs.clone().map(|(y, x)| (y - x).powi(2)).sum::<f64>() / 999.0;

    const ROWS: usize = 17;
    const COLUMNS: usize = 90;
    let mut figure = vec![[' '; COLUMNS]; ROWS];
    let place = |y: f64| ((1.1 - y.clamp(-1.1, 1.1)) / 2.2 * (ROWS - 1) as f64).round() as usize;
    for (i, (y, x)) in pairs.enumerate() {
        let column = i * COLUMNS / 999;
        figure[place(*x)][column] = '.';
        figure[place(*y)][column] = '*';
    }
    println!(
        "\nA cosine (.) and what the network says comes next (*), which has only seen a sine:\n"
    );
    for row in figure {
        println!("{}", row.iter().collect::<String>().trim_end());
    }
    println!("\nmean squared error {error:.6}");

    #[cfg(feature = "plot")]
    {
        use dezero::plots::Curves;
        let curves = Curves::new("A network that has only seen a sine goes on with a cosine")
            .labels("step", "y")
            .line("the cosine", xs[1..].to_vec())
            .line(
                "what the network says comes next",
                predictions[..999].to_vec(),
            )
            .dashed()
            .y_range(-1.6, 1.6);
        picture::save(&curves)
    }
    #[cfg(not(feature = "plot"))]
    {
        picture::tell_how();
        Ok(())
    }
}
