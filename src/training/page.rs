//! [`Page`]: an HTML file that needs no other, drawn from JSON by a script in it.

use std::io::Write;
use std::path::Path;

use dezero_array::write_atomically;
use serde_json::{Value, json};

use crate::error::Result;

/// What a page shows, in this order.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub title: String,
    pub subtitle: String,
    /// Seconds since 1970.
    pub started: Option<f64>,
    /// A few large figures.
    pub tiles: Vec<(String, Value)>,
    pub charts: Vec<Chart>,
    /// Title, names, counts.
    pub matrices: Vec<Value>,
    pub samples: Vec<Value>,
    /// Titles and preformatted texts.
    pub texts: Vec<(String, String)>,
    /// Titles and `data:` addresses of pictures.
    pub pictures: Vec<(String, String)>,
    /// Titles, names and values.
    pub tables: Vec<(String, Vec<(String, String)>)>,
}

/// Curves over one axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    pub title: String,
    pub x: String,
    pub log_x: bool,
    /// `None`: where the values span orders of magnitude.
    pub log_y: Option<bool>,
    pub series: Vec<Series>,
    /// Places on the axis with a name.
    pub marks: Vec<(String, f64)>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Series {
    pub name: String,
    /// Finite ones.
    pub points: Vec<(f64, f64)>,
    /// Whether it is noisy, and is drawn with a smoothed line.
    pub smooth: bool,
}

impl Chart {
    fn to_json(&self) -> Value {
        let series: Vec<Value> = self
            .series
            .iter()
            .map(|s| json!({"name": s.name, "points": s.points, "smooth": s.smooth}))
            .collect();
        let marks: Vec<Value> = self
            .marks
            .iter()
            .map(|(name, x)| json!({"name": name, "x": x}))
            .collect();
        json!({
            "title": self.title,
            "x": self.x,
            "log_x": self.log_x,
            "log_y": self.log_y,
            "series": series,
            "marks": marks,
            "notes": self.notes,
        })
    }
}

impl Page {
    pub(super) fn to_html(&self) -> String {
        let charts: Vec<Value> = self.charts.iter().map(Chart::to_json).collect();
        let titled = |key: &str, items: &[(String, String)]| -> Vec<Value> {
            let items = items.iter();
            items
                .map(|(title, content)| json!({"title": title, key: content}))
                .collect()
        };
        let tables: Vec<Value> = self
            .tables
            .iter()
            .map(|(title, rows)| json!({"title": title, "rows": rows}))
            .collect();
        let data = json!({
            "title": self.title,
            "subtitle": self.subtitle,
            "started": self.started,
            "tiles": self.tiles,
            "charts": charts,
            "matrices": self.matrices,
            "samples": self.samples,
            "texts": titled("text", &self.texts),
            "pictures": titled("url", &self.pictures),
            "tables": tables,
        });
        let parts = [
            ("title", escape(&self.title)),
            ("css", include_str!("page/page.css").to_owned()),
            // Inside of a script element only "</" and "<!--" mean something.
            ("data", data.to_string().replace('<', "\\u003c")),
            ("js", include_str!("page/page.js").to_owned()),
        ];
        // In one pass from left to right: what is put in is not searched for places again.
        let mut html = String::new();
        let mut rest = include_str!("page/page.html");
        for (name, content) in parts {
            let place = format!("{{{{{name}}}}}");
            let (before, after) = rest.split_once(&place).expect("the page has the place");
            html += before;
            html += &content;
            rest = after;
        }
        html + rest
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, |file| Ok(file.write_all(self.to_html().as_bytes())?))?;
        Ok(())
    }
}

fn escape(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
    escaped.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_user_writes_ends_the_script_or_becomes_markup() {
        let evil = "</script><script>alert(1)</script>{{js}}<!--";
        let page = Page {
            title: evil.to_owned(),
            texts: vec![(evil.to_owned(), evil.to_owned())],
            ..Page::default()
        };
        let html = page.to_html();
        assert_eq!(html.matches("<script>alert").count(), 0);
        assert_eq!(html.matches("</script>").count(), 2, "ours");
        assert_eq!(html.matches("'use strict'").count(), 1);
        assert!(!html.contains("<!--"));
    }
}
