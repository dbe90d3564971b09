//! Explanations on a terminal: lines broken at words, and places coloured by the class of their
//! register.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};

use anstyle::{AnsiColor, Style};
use cabi::{Bank, FnAbi, Loc, Place};

/// Appearance of text on a terminal.
pub(crate) struct Terminal {
    columns: usize,
    colours: bool,
}

impl Terminal {
    /// Returns the terminal that standard output is, if it is one.
    pub(crate) fn of_stdout() -> Option<Self> {
        let size = stdout().is_terminal().then(terminal_size::terminal_size)?;
        let colours = anstream::AutoStream::choice(&stdout()) != anstream::ColorChoice::Never;
        let columns = size.map_or(80, |(width, _)| usize::from(width.0));
        Some(Self { columns, colours })
    }

    /// Breaks the lines of `text` at blanks, and colours the registers and stack slots in which
    /// `abi` passes values.
    pub(crate) fn show(&self, text: &str, abi: &FnAbi) -> String {
        let places = match self.colours {
            true => styles(abi),
            false => BTreeMap::new(),
        };
        let mut output = String::new();
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            let mut column = 0;
            for word in line.split_inclusive(' ') {
                let bare = word.trim_end();
                if column > indent && column + bare.chars().count() > self.columns {
                    let below = indent + 4;
                    output.truncate(output.trim_end().len());
                    output += &format!("\n{:below$}", "");
                    column = below;
                }
                column += word.chars().count();
                match places.get(bare).filter(|_| indent == 0) {
                    Some(style) => {
                        output += &format!("{style}{bare}{style:#}{}", &word[bare.len()..]);
                    }
                    None => output += word,
                }
            }
            output.push('\n');
        }
        output
    }
}

/// Returns the style of each word that names a place of `abi`.
fn styles(abi: &FnAbi) -> BTreeMap<&'static str, Style> {
    let mut styles = BTreeMap::from([("stack", AnsiColor::Yellow.on_default())]);
    let places = abi.args.iter().map(|arg| &arg.place);
    for place in places.chain([&abi.ret.place]) {
        let regs = match place {
            Place::Parts(parts) => parts.iter().flat_map(|part| part.loc.regs()).collect(),
            Place::Indirect { pointer, .. } => Loc::regs(pointer).iter().collect(),
            Place::PerElement { regs, .. } => regs.iter().collect(),
            _ => Vec::new(),
        };
        let style = |bank| match bank {
            Bank::Int => AnsiColor::Cyan.on_default(),
            Bank::Vector => AnsiColor::Magenta.on_default(),
            _ => AnsiColor::Green.on_default(),
        };
        styles.extend(regs.iter().map(|reg| (reg.name(), style(reg.bank()))));
    }
    styles
}

#[cfg(test)]
mod tests {
    use cabi::{FnAbi, FnSig, Target};

    use super::Terminal;

    #[test]
    fn lines_are_broken_at_words_and_places_have_colours() {
        let target = Target::X86_64_LINUX;
        let text = "void f(struct { long n; double x; } a, long double b)";
        let sig = FnSig::parse(text, target.data_model()).expect("it is a declaration");
        let abi = FnAbi::new(&sig, &target).expect("it has places");
        let text = "arg 0: a, 16 bytes -> rdi xmm0\n    took: first free of rdi rsi\n";
        let show = |columns, colours| Terminal { columns, colours }.show(text, &abi);
        assert_eq!(show(80, false), text);
        assert_eq!(
            show(24, false),
            "arg 0: a, 16 bytes ->\n    rdi xmm0\n    took: first free of\n        rdi rsi\n"
        );
        assert_eq!(
            show(80, true),
            "arg 0: a, 16 bytes -> \u{1b}[36mrdi\u{1b}[0m \u{1b}[35mxmm0\u{1b}[0m\n    took: first free of rdi rsi\n"
        );
    }
}
