//! Cases that crash, hang and fail, each in a child process: `harness = false`, because children are this program again.

use std::time::Duration;

use cabi_judge::child::each;

fn main() {
    let limit = Duration::from_secs(5);
    let other = each("other", 1, limit, |_| {
        Err("runs under its own name only".to_owned())
    });
    let outcomes = each("crashes", 6, limit, |i| match i {
        1 => Err("two\nlines".to_owned()),
        2 => std::process::abort(),
        4 => std::process::exit(3),
        5 => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        _ => Ok(()),
    });
    let text: Vec<String> = outcomes
        .into_iter()
        .map(|outcome| outcome.err().unwrap_or_default())
        .collect();
    assert_eq!(other, [Err("runs under its own name only".to_owned())]);
    assert_eq!(text[..2], ["", "two\nlines"]);
    #[cfg(unix)]
    assert_eq!(text[2], "the child ended by SIGABRT (6)");
    assert_eq!(text[3], "");
    assert!(
        text[4].contains("exit status: 3") || text[4].contains("exit code: 3"),
        "{}",
        text[4]
    );
    assert_eq!(text[5], "no end after 5 s");
    println!("child: 7 cases, 2 of them crash and 1 hangs, as they should");
}
