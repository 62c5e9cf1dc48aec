//! Tables in text, and the numbers in them.

use std::fmt;

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: impl fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that suits them: `1.5 MB`.
pub(crate) fn in_bytes(bytes: usize) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = usize::from(unit != "B" && value < 99.95);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// Writes columns, the first `left` of them aligned left, with lines under the head and above the last row.
pub(crate) fn write_table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    table: &[[String; N]],
    left: usize,
) -> fmt::Result {
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * (N - 1));
    for (i, row) in table.iter().enumerate() {
        if i == 1 || i + 1 == table.len() {
            writeln!(f, "{rule}")?;
        }
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            if column < left {
                line += &format!("{gap}{cell:<width$}");
            } else {
                line += &format!("{gap}{cell:>width$}");
            }
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
