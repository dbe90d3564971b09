//! A program whose parts are built one by one out of one file, so that no part sees another's code.

use std::io;
use std::process::{Command, Output};
use std::time::Duration;

use super::{Judge, JudgeError, program, scratch, write};

/// A program that calls one function ends sooner, unless the call goes wrong.
const LIMIT: Duration = Duration::from_secs(20);

impl Judge {
    /// Compiles `source` once for each of `parts`, a macro that is defined, links what comes of it, and runs the program `times` times, for at
    /// most ten seconds of processor time each. Returns what became of each run.
    ///
    /// # Errors
    /// As [`Judge::build`].
    pub fn run_parts(
        &self,
        source: &str,
        parts: &[&str],
        flags: &[&str],
        times: usize,
    ) -> Result<Vec<Output>, JudgeError> {
        let folder = scratch()?;
        let path = |name: String| folder.path().join(name).to_string_lossy().into_owned();
        let (file, program_file) = (path("parts.c".into()), path("parts".into()));
        write(file.as_ref(), source)?;
        let mut objects = Vec::new();
        for part in parts {
            let (object, define) = (path(format!("{part}.o")), format!("-D{part}"));
            let fixed = ["-std=gnu2x", "-w", &define, "-c", "-o", &object, &file];
            self.run(&[&fixed[..], flags].concat())?;
            objects.push(object);
        }
        let mut link = vec!["-o", &program_file];
        link.extend(objects.iter().map(String::as_str));
        link.extend(flags);
        link.extend(self.libraries());
        self.run(&link)?;
        let run = |_| {
            let mut command = Command::new("sh");
            command.args([
                "-c",
                "ulimit -c 0; ulimit -t 10; exec \"$0\"",
                &program_file,
            ]);
            program::output(command, LIMIT).map_err(|source: io::Error| JudgeError::Io {
                what: format!("a program built by {self}"),
                source,
            })
        };
        (0..times).map(run).collect()
    }
}
