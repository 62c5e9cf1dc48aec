//! Images in another size: Pillow's bilinear resampling.

/// Binary places of a weight: 32, less those of a pixel and two for the sum.
const PRECISION: u32 = 22;

/// Which pixels make one of the result, and with what weights.
struct Span {
    start: usize,
    weights: Vec<i32>,
}

/// `pixels` of size `from` (`[height, width]`) in size `to`. Neither is empty.
pub(super) fn bilinear(
    pixels: &[u8],
    from: [usize; 2],
    to: [usize; 2],
    channels: usize,
) -> Vec<u8> {
    let rows = match from[1] == to[1] {
        true => pixels.to_vec(),
        false => {
            let spans = spans(from[1], to[1]);
            let mut out = Vec::with_capacity(from[0] * to[1] * channels);
            for row in pixels.chunks(from[1] * channels) {
                for span in &spans {
                    for c in 0..channels {
                        let row = row[span.start * channels + c..].iter().step_by(channels);
                        out.push(weighted(row, &span.weights));
                    }
                }
            }
            out
        }
    };
    if from[0] == to[0] {
        return rows;
    }
    let row = to[1] * channels;
    let mut out = Vec::with_capacity(to[0] * row);
    for span in spans(from[0], to[0]) {
        for x in 0..row {
            let column = rows[span.start * row + x..].iter().step_by(row);
            out.push(weighted(column, &span.weights));
        }
    }
    out
}

fn weighted<'a>(pixels: impl Iterator<Item = &'a u8>, weights: &[i32]) -> u8 {
    let sum: i32 = pixels.zip(weights).map(|(&p, &w)| i32::from(p) * w).sum();
    ((sum + (1 << (PRECISION - 1))) >> PRECISION).clamp(0, 255) as u8
}

/// The triangle around the centre of each new pixel, as wide as two old or two new pixels, whichever
/// are larger.
fn spans(from: usize, to: usize) -> Vec<Span> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    (0..to)
        .map(|i| {
            let center = (i as f64 + 0.5) * scale;
            // Casts cut off, negative numbers to 0.
            let start = (center - support + 0.5) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let triangle = |x: usize| {
                let distance = (x as f64 - center + 0.5) * (1.0 / support);
                (1.0 - distance.abs()).max(0.0)
            };
            let sum: f64 = (start..end).map(triangle).sum();
            let fixed = |w: f64| (0.5 + w / sum * f64::from(1 << PRECISION)) as i32;
            Span {
                start,
                weights: (start..end).map(|x| fixed(triangle(x))).collect(),
            }
        })
        .collect()
}
