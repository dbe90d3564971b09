//! Canvas of pictures: boxes, stripes and text from top to bottom, as SVG 1.1. All lengths are in
//! pixels.

use std::fmt::Write;

use crate::output::escape;

/// Width of the picture.
pub(crate) const WIDTH: u64 = 760;
/// Left margin.
pub(crate) const LEFT: u64 = 24;
/// Width of one monospaced character, generously.
const CHAR: u64 = 7;
/// Number of characters of the title that fit on a line.
const TITLE_CHARS: usize = 82;

/// Fills that can be distinguished when they are neighbours. All are light, so that dark text
/// stands out on them.
const COLOURS: [&str; 8] = [
    "#a5d8ff", "#ffd8a8", "#b2f2bb", "#eebefa", "#ffec99", "#99e9f2", "#ffc9c9", "#d8f5a2",
];

const STYLE: &str = "\
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;font-size:11px}
.card{fill:#ffffff;stroke:#d0d7de}
.title{fill:#1f2328;font-size:13px;font-weight:bold}
.label{fill:#1f2328}
.muted{fill:#59636e}
.small{fill:#59636e;font-size:9px}
.in{fill:#1f2328}
.free{fill:#eaeef2}
.pad{fill:url(#pad)}
.line{fill:none;stroke:#57606a}
.rule{stroke:#d0d7de}
@media (prefers-color-scheme:dark){.card{fill:#161b22;stroke:#3d444d}.title,.label{fill:#f0f6fc}.muted,.small{fill:#9198a1}.rule{stroke:#3d444d}}
";

/// Fill of a box.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fill {
    /// The colour of the part with this index in the picture.
    Part(usize),
    /// Unused, or of no part.
    Free,
    /// Padding.
    Hatched,
}

/// Classes of text on the card: normal, less important, and small.
pub(crate) const LABEL: &str = "label";
pub(crate) const MUTED: &str = "muted";
pub(crate) const SMALL: &str = "small";

/// A rectangle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Area {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
}

/// A picture while it is drawn.
pub(crate) struct Canvas {
    title: String,
    body: String,
    /// Distance of the next element from the top.
    pub(crate) y: u64,
}

impl Canvas {
    pub(crate) fn new(title: &str) -> Self {
        Self {
            title: escape(title),
            body: String::new(),
            y: 20,
        }
    }

    /// Draws the title, on as many lines as it needs.
    pub(crate) fn heading(&mut self, text: &str) {
        let mut x = LEFT;
        for line in wrap(text, TITLE_CHARS) {
            self.y += 14;
            self.text(x, self.y, "title", &line);
            self.y += 4;
            x = LEFT + 32;
        }
    }

    /// Draws a line of less importance.
    pub(crate) fn remark(&mut self, text: &str) {
        self.y += 14;
        self.text(LEFT, self.y, MUTED, text);
        self.y += 8;
    }

    /// Draws a rule across the picture with a name under it.
    pub(crate) fn section(&mut self, name: &str) {
        self.y += 12;
        let (y, right) = (self.y, WIDTH - LEFT);
        self.push(&format!("<path d=\"M{LEFT} {y}H{right}\" class=\"rule\"/>"));
        self.y += 18;
        self.text(LEFT, self.y, MUTED, name);
        self.y += 6;
    }

    pub(crate) fn text(&mut self, x: u64, y: u64, class: &str, text: &str) {
        self.words(x, y, &format!("class=\"{class}\""), text);
    }

    fn words(&mut self, x: u64, y: u64, how: &str, text: &str) {
        let text = escape(text);
        self.push(&format!("<text x=\"{x}\" y=\"{y}\" {how}>{text}</text>"));
    }

    pub(crate) fn fill(&mut self, area: Area, fill: Fill) {
        self.rect(
            area,
            &match fill {
                Fill::Part(n) => format!("fill=\"{}\"", COLOURS[n % COLOURS.len()]),
                Fill::Free => "class=\"free\"".into(),
                Fill::Hatched => "class=\"pad\"".into(),
            },
        );
    }

    /// Draws a frame with as much of `text` in its middle as fits.
    pub(crate) fn frame(&mut self, area: Area, text: &str) {
        self.rect(area, "class=\"line\"");
        let text = fit(text, area.width);
        if !text.is_empty() {
            let (x, y) = (area.x + area.width / 2, area.y + area.height / 2 + 4);
            self.words(x, y, "class=\"in\" text-anchor=\"middle\"", &text);
        }
    }

    fn rect(&mut self, area: Area, how: &str) {
        let Area {
            x,
            y,
            width,
            height,
        } = area;
        self.push(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {how}/>"
        ));
    }

    fn push(&mut self, element: &str) {
        self.body += element;
        self.body.push('\n');
    }

    /// Returns the whole file.
    pub(crate) fn finish(self) -> String {
        let height = self.y + 20;
        let (card_width, card_height) = (WIDTH - 1, height - 1);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">
<title>{title}</title>
<style>
{STYLE}</style>
<defs><pattern id=\"pad\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<rect width=\"6\" height=\"6\" fill=\"#eaeef2\"/><rect width=\"2\" height=\"6\" fill=\"#afb8c1\"/></pattern></defs>
<rect x=\"0.5\" y=\"0.5\" width=\"{card_width}\" height=\"{card_height}\" rx=\"8\" class=\"card\"/>
{body}</svg>
",
            title = self.title,
            body = self.body,
        );
        text
    }
}

/// Returns whether all of `text` can be read in a frame so wide.
pub(crate) fn fits(text: &str, width: u64) -> bool {
    text.chars().count() as u64 * CHAR + 2 <= width
}

/// Returns as much of `text` as `width` has space for, with an ellipsis where text is missing.
fn fit(text: &str, width: u64) -> String {
    if fits(text, width) {
        return text.to_owned();
    }
    let n_chars = usize::try_from(width.saturating_sub(2) / CHAR).unwrap_or(0);
    match n_chars {
        0..2 => String::new(),
        _ => text.chars().take(n_chars - 1).chain(['…']).collect(),
    }
}

/// Returns lines of about `width` characters at most, broken after commas.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line) if line.chars().count() + part.chars().count() <= width => *line += part,
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}
