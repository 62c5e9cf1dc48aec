//! A placed [`Drawing`] as SVG.

use std::fmt::Write;

use super::drawing::{Drawing, Kind};
use super::layout::{LINE_HEIGHT, Placed};

/// The book's colours, softened; dark text reads well on both.
fn fill(kind: Kind) -> &'static str {
    match kind {
        Kind::Variable => "#ffc773",
        Kind::Constant => "#e4e4e4",
        Kind::Function => "#b9dcf0",
    }
}

pub(super) fn write(drawing: &Drawing, placed: &Placed) -> String {
    let (width, height) = (placed.width.ceil(), placed.height.ceil());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, sans-serif\" \
         font-size=\"13\" text-anchor=\"middle\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#fff\"/>\n\
         <g fill=\"none\" stroke=\"#555\" stroke-width=\"1.1\">\n"
    );
    for path in &placed.paths {
        write_edge(&mut svg, path);
    }
    svg += "</g>\n<g fill=\"#555\">\n";
    for path in &placed.paths {
        let &(x, y) = path.last().expect("two ends");
        writeln!(svg, "<path d=\"M{:.1} {:.1}l-3.5 -8h7z\"/>", x, y).expect("strings grow");
    }
    svg += "</g>\n<g stroke=\"#0003\">\n";
    for (vertex, b) in drawing.vertices.iter().zip(&placed.boxes) {
        let fill = fill(vertex.kind);
        match vertex.kind {
            Kind::Function => writeln!(
                svg,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"4\" fill=\"{fill}\"/>",
                b.x - b.width / 2.0,
                b.y - b.height / 2.0,
                b.width,
                b.height
            ),
            _ => writeln!(
                svg,
                "<ellipse cx=\"{:.1}\" cy=\"{:.1}\" rx=\"{:.1}\" ry=\"{:.1}\" fill=\"{fill}\"/>",
                b.x,
                b.y,
                b.width / 2.0,
                b.height / 2.0
            ),
        }
        .expect("strings grow");
    }
    svg += "</g>\n<g fill=\"#111\">\n";
    for (vertex, b) in drawing.vertices.iter().zip(&placed.boxes) {
        let lines = vertex.label.lines().count() as f64;
        for (i, line) in vertex.label.lines().enumerate() {
            let y = b.y + 4.5 + (i as f64 - (lines - 1.0) / 2.0) * LINE_HEIGHT;
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                b.x,
                escaped(line)
            )
            .expect("strings grow");
        }
    }
    svg += "</g>\n</svg>\n";
    svg
}

/// A curve that is upright at each of its points, and straight where it can be.
fn write_edge(svg: &mut String, path: &[(f64, f64)]) {
    let (mut x, mut y) = path[0];
    write!(svg, "<path d=\"M{x:.1} {y:.1}").expect("strings grow");
    for (i, &(to_x, to_y)) in path.iter().enumerate().skip(1) {
        // Up to where the arrow's head begins.
        let to_y = if i + 1 == path.len() {
            to_y - 7.0
        } else {
            to_y
        };
        let goes_on = path
            .get(i + 1)
            .is_some_and(|next| (next.0 - to_x).abs() < 0.05);
        if (to_x - x).abs() < 0.05 && goes_on {
            continue;
        }
        if (to_x - x).abs() < 0.05 {
            write!(svg, "V{to_y:.1}").expect("strings grow");
        } else {
            // From wherever a straight run ended.
            let from = path[i - 1].1;
            if from > y + 0.05 {
                write!(svg, "V{from:.1}").expect("strings grow");
                y = from;
            }
            let middle = (y + to_y) / 2.0;
            write!(
                svg,
                "C{x:.1} {middle:.1} {to_x:.1} {middle:.1} {to_x:.1} {to_y:.1}"
            )
            .expect("strings grow");
        }
        (x, y) = (to_x, to_y);
    }
    svg.push_str("\"/>\n");
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    // Control characters are not allowed in XML, whatever their form.
    text.replace('>', "&gt;")
        .replace(|c: char| c.is_control(), "\u{fffd}")
}
