//! Charts: a row for each subject, a mark for each way, on a logarithmic scale.

use std::fmt::Write as _;

pub(crate) struct Chart<'a> {
    /// The ways, by their texts in the legend.
    pub(crate) ways: &'a [&'a str],
    /// Each subject, with a number for each way that has one.
    pub(crate) rows: &'a [(&'a str, Vec<Option<f64>>)],
}

/// Pixels.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 20.0;
const LINE: f64 = 18.0;
const LEGEND: f64 = 170.0;

/// Readable on white and on black.
const COLORS: [&str; 9] = [
    "#d9822b", "#2f8fd8", "#3aa655", "#c2417c", "#8a63d2", "#b09000", "#1fa3a3", "#888888",
    "#d0504a",
];
const INK: &str = "#808080";

impl Chart<'_> {
    pub(crate) fn svg(&self) -> String {
        let per_line = 4;
        let top = LINE * (whole(self.ways.len().div_ceil(per_line)) + 1.0);
        let bottom = top + LINE * whole(self.rows.len());
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" font-family=\"sans-serif\" font-size=\"12\">\n<g fill=\"{INK}\">\n",
            bottom + 2.0 * LINE
        );
        let scale = self.scale();
        let _ = self.lines(&mut text, &scale, top, bottom);
        text.push_str("</g>\n");
        for (i, (way, color)) in self.ways.iter().zip(COLORS).enumerate() {
            let (line, column) = (whole(i / per_line), whole(i % per_line));
            let (x, y) = (20.0 + LEGEND * column, LINE * (line + 0.7));
            let _ = writeln!(text, "<g fill=\"{color}\">{}", mark(i, x, y));
            let (x, y) = (x + 10.0, y + 4.0);
            let _ = writeln!(text, "<text x=\"{x}\" y=\"{y:.0}\">{way}</text>");
            for (j, (_, values)) in self.rows.iter().enumerate() {
                if let Some(value) = values.get(i).copied().flatten() {
                    let y = top + LINE * (whole(j) + 0.5);
                    text.push_str(&mark(i, scale.x(value), y));
                }
            }
            text.push_str("</g>\n");
        }
        text + "</svg>\n"
    }

    /// Writes the names of the rows, and the scale.
    fn lines(&self, text: &mut String, scale: &Scale, top: f64, bottom: f64) -> std::fmt::Result {
        for (j, (name, _)) in self.rows.iter().enumerate() {
            let y = top + LINE * (whole(j) + 0.5);
            let (x, below) = (LEFT - 8.0, y + 4.0);
            writeln!(
                text,
                "<text x=\"{x}\" y=\"{below:.0}\" text-anchor=\"end\">{name}</text>"
            )?;
            let end = WIDTH - RIGHT;
            writeln!(
                text,
                "<path d=\"M{LEFT} {y:.0}H{end}\" stroke=\"{INK}\" stroke-opacity=\".25\"/>"
            )?;
        }
        for tick in scale.ticks() {
            let x = scale.x(tick);
            let label = match tick >= 1000.0 {
                true => format!("{}k", tick / 1000.0),
                false => tick.to_string(),
            };
            let below = bottom + 14.0;
            writeln!(
                text,
                "<path d=\"M{x:.0} {top:.0}V{bottom:.0}\" stroke=\"{INK}\" stroke-opacity=\".4\"/><text x=\"{x:.0}\" y=\"{below:.0}\" text-anchor=\"middle\">{label}</text>"
            )?;
        }
        let (x, y) = (WIDTH - RIGHT, bottom + 1.7 * LINE);
        writeln!(
            text,
            "<text x=\"{x}\" y=\"{y:.0}\" text-anchor=\"end\">instructions of one call</text>"
        )
    }

    fn scale(&self) -> Scale {
        let rows = self.rows.iter();
        let all = rows.flat_map(|(_, values)| values.iter().copied().flatten());
        let all: Vec<f64> = all.filter(|value| *value > 0.0).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let most = all.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        Scale {
            least: least * 0.9,
            most: most * 1.1,
        }
    }
}

struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn x(&self, value: f64) -> f64 {
        let share = (value.max(self.least) / self.least).ln() / (self.most / self.least).ln();
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    /// Returns 1, 2 and 5 times each power of ten; only the powers where they would be too many.
    fn ticks(&self) -> Vec<f64> {
        let powers = (-2..8).map(|power| 10_f64.powi(power));
        let steps: &[f64] = match self.most / self.least > 300.0 {
            true => &[1.0],
            false => &[1.0, 2.0, 5.0],
        };
        let all = powers.flat_map(|power| steps.iter().map(move |step| power * step));
        all.filter(|tick| (self.least..=self.most).contains(tick))
            .collect()
    }
}

/// Returns a mark of the way `i`: ways differ by shape too.
fn mark(i: usize, x: f64, y: f64) -> String {
    match i % 3 {
        0 => format!("<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"4\"/>"),
        1 => format!("<path d=\"M{:.0} {:.0}h8v8h-8z\"/>", x - 4.0, y - 4.0),
        _ => format!("<path d=\"M{x:.0} {:.0}l5 9h-10z\"/>", y - 5.0),
    }
}

/// Returns `n` as a float: numbers of lines are small.
fn whole(n: usize) -> f64 {
    f64::from(u16::try_from(n).unwrap_or(u16::MAX))
}
