//! A convention as text: its lists in TableGen's form, and what there is of the stack.

use std::fmt;

use cabi::Convention;
use cabi::convention::{CalleePops, Features, FloatLevel, Frame, Lists, Rule, VaListType};

use super::tablegen;

/// The lists of a convention, for each choice of features, in the manner of LLVM's TableGen files.
/// The frame follows.
pub(super) struct Tables(pub(super) &'static Convention);

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "// {}", self.0.name)?;
        for (when, lists) in self.choices() {
            list(f, "CC", &when, lists.args)?;
            list(f, "RetCC", &when, lists.results)?;
        }
        f.write_str("\n")?;
        let mut notes = notes(&self.0.frame).into_iter();
        notes.try_for_each(|note| writeln!(f, "// {note}"))
    }
}

impl Tables {
    /// Returns the lists, each with the features and calls for which it is chosen.
    fn choices(&self) -> Vec<(String, Lists)> {
        let rules = &self.0.rules;
        if rules.choose.is_none() {
            let lists = rules.lists(Features::default(), false);
            return Vec::from([(String::new(), lists)]);
        }
        let mut all: Vec<(String, String, Lists)> = Vec::new();
        for (level, floats) in [
            (FloatLevel::Soft, "soft floats"),
            (FloatLevel::Single, "single floats"),
            (FloatLevel::Double, "double floats"),
        ] {
            for variadic in [false, true] {
                let lists = rules.lists(Features::from(level), variadic);
                let when = format!("{floats}{}", if variadic { ", variadic" } else { "" });
                let text = format!("{lists:?}");
                match all.iter_mut().find(|(_, known, _)| *known == text) {
                    Some((title, ..)) => *title = format!("{title}; {when}"),
                    None => all.push((when, text, lists)),
                }
            }
        }
        all.into_iter()
            .map(|(when, _, lists)| (when, lists))
            .collect()
    }
}

fn list(f: &mut fmt::Formatter<'_>, name: &str, when: &str, rules: &[Rule]) -> fmt::Result {
    let when = match when {
        "" => String::new(),
        when => format!("// {when}\n"),
    };
    writeln!(f, "\n{when}def {name} : CallingConv<[")?;
    for (i, rule) in rules.iter().enumerate() {
        let comma = if i + 1 == rules.len() { "" } else { "," };
        writeln!(f, "  {}{comma}", tablegen::text(rule, 0))?;
    }
    f.write_str("]>;\n")
}

/// Returns notes on the stack and on registers with a purpose of their own.
fn notes(frame: &Frame) -> Vec<String> {
    let Frame {
        shadow_space,
        stack_align,
        slot,
        ..
    } = frame;
    let order = if frame.big_endian { ", big-endian" } else { "" };
    let mut notes = vec![format!(
        "stack: aligned to {stack_align} at calls, slots of {slot}, shadow space {shadow_space} bytes{order}"
    )];
    notes.extend(match frame.callee_pops {
        CalleePops::Nothing => None,
        CalleePops::SretPointer => Some("a callee pops the hidden result pointer".to_owned()),
        CalleePops::Everything => Some("a callee pops its arguments".to_owned()),
        CalleePops::EverythingAligned => {
            Some("a callee pops its arguments and their padding".to_owned())
        }
    });
    for (what, regs) in [
        ("callee-saved", frame.callee_saved),
        ("callee-saved in the lower bytes only", frame.partly_saved),
    ] {
        if !regs.is_empty() {
            let names: Vec<_> = regs.iter().map(ToString::to_string).collect();
            notes.push(format!("{what}: {}", names.join(" ")));
        }
    }
    let context = |reg| format!("{reg} holds a context, which stays there across calls");
    notes.extend(frame.context.map(context));
    let sret = |reg| format!("a hidden result pointer is returned in {reg}");
    notes.extend(frame.sret_returned_in.map(sret));
    let align = |most| {
        format!(
            "the stack is also aligned to the widest vector register that a function assumes, up to {most}; the argument area is rounded up to this alignment"
        )
    };
    notes.extend(frame.vector_align.map(align));
    let carried = |reg| {
        format!("{reg} holds an address of the language's at every call; callees preserve it")
    };
    notes.extend(frame.carried.map(carried));
    let count = |reg| format!("variadic calls count their vector registers in {reg}");
    notes.extend(frame.variadic_count.map(count));
    notes.extend(match frame.va_list {
        VaListType::Pointer => Some("va_list: a pointer".to_owned()),
        VaListType::Structure(tag, members) => Some(format!(
            "va_list: struct {tag} of {} members",
            members.len()
        )),
        VaListType::Array(tag, members) => Some(format!(
            "va_list: struct {tag}[1] of {} members",
            members.len()
        )),
        _ => None,
    });
    notes
}
