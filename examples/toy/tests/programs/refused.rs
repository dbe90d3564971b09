//! Every program in `tests/headers/wrong.txt` is refused with the message that stands beside it and
//! its place, and exit code 1; so are programs that are too deep or too long; and what cannot be
//! run, built or compiled for a target says why.

use crate::common::{ran_with, rows};

#[test]
fn wrong_programs_are_refused() {
    let mut refused = 0;
    for row in rows("headers/wrong.txt") {
        let (program, message) = row.split_once(" ## ").unwrap();
        let Some(ran) = ran_with(program, "toy check -I $T/headers p.toy") else {
            continue;
        };
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{program}");
        let said = format!("Error: {message}\n  --> p.toy:1:");
        assert!(ran.stderr.starts_with(&said), "{program}: {}", ran.stderr);
        refused += 1;
    }
    assert!(refused >= 100, "only {refused} programs");
    // The control: what is right is not refused.
    if let Some(ran) = ran_with("fn main() { let x = 1; }", "toy check p.toy") {
        assert_eq!(ran.output("right"), "");
    }
}

/// Repeats the text between `<` and `>`: as often as `*n` says, or 100,000 times.
fn repeated(program: &str) -> String {
    let mut text = String::new();
    for part in program.split_inclusive('>') {
        let Some((before, repeated)) = part.strip_suffix('>').and_then(|p| p.rsplit_once('<'))
        else {
            text += part;
            continue;
        };
        let counted = repeated
            .rsplit_once('*')
            .filter(|(_, count)| !count.is_empty());
        let (repeated, count) = counted.unwrap_or((repeated, "100000"));
        text += before;
        text += &repeated.repeat(count.parse().unwrap());
    }
    text
}

#[test]
fn extreme_programs_are_refused() {
    let rows = rows("headers/deep.txt");
    let mut programs: Vec<String> = rows.iter().map(|row| repeated(row)).collect();
    assert!(programs.len() >= 17);
    // Each needs the next, or is twice as large as the one before.
    let chain = |i| format!("struct S{i} {{ next: S{} }}\n", i + 1);
    programs.push((0..5000).map(chain).collect());
    let doubled = |i| format!("struct S{} {{ x: S{i}, y: S{i} }}\n", i + 1);
    let doubled: String = (0..5000).map(doubled).collect();
    programs.push(format!("struct S0 {{ x: i32 }}\n{doubled}"));
    for text in programs {
        let Some(ran) = ran_with(&text, "toy emit clif p.toy") else {
            return;
        };
        let start = text.get(..60).unwrap_or(&text);
        let said = ran.stderr.get(..500).unwrap_or(&ran.stderr);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{start}: {said}");
        assert!(ran.stderr.starts_with("Error: "), "{start}: {said}");
    }
}

/// Exit code 2 is for what is not the program's fault. Each line of the table has a command, a
/// program, the exit code, and what is said.
#[test]
fn what_cannot_be_done_is_said() {
    let rows = rows("headers/commands.txt");
    assert_eq!(rows.len(), 19);
    for row in rows {
        let [command, text, code, said] = row.split(" ## ").collect::<Vec<_>>()[..] else {
            panic!("four columns: {row}");
        };
        let Some(ran) = ran_with(text, &format!("{command} p.toy")) else {
            return;
        };
        assert_eq!(ran.code.to_string(), code, "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{command}: {}", ran.stderr);
    }
}
