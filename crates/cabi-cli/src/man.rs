//! `cabi man`: manual pages, made of what `--help` says.

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  cabi man > ~/.local/share/man/man1/cabi.1
  cabi man call > ~/.local/share/man/man1/cabi-call.1
  cabi man explain | man -l -";

/// Prints a manual page in roff.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Man {
    /// The verb that the page is about; the whole command by default.
    verb: Option<String>,
}

impl Man {
    pub(crate) fn run(&self, mut command: clap::Command) -> Result<String, String> {
        command.build();
        let about = match &self.verb {
            None => command,
            Some(verb) => {
                let found = command.find_subcommand(verb).cloned();
                found.ok_or_else(|| format!("{verb} is not a verb of cabi"))?
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(about)
            .render(&mut page)
            .map_err(|e| e.to_string())?;
        let page = String::from_utf8(page).map_err(|e| e.to_string())?;
        // What clap calls the text behind the options.
        Ok(page.replace(".SH EXTRA\n", ".SH EXAMPLES\n"))
    }
}
