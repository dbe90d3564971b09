//! `cabi man`: manual pages, made from the text of `--help`.

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
    /// The subcommand that the page is about; by default the whole command.
    subcommand: Option<String>,
}

impl Man {
    pub(crate) fn run(&self, mut command: clap::Command) -> Result<String, String> {
        command.build();
        let about = match &self.subcommand {
            None => command,
            Some(name) => {
                let subcommand = command.find_subcommand(name).cloned();
                subcommand.ok_or_else(|| format!("{name} is not a subcommand of cabi"))?
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(about)
            .render(&mut page)
            .map_err(|e| e.to_string())?;
        let page = String::from_utf8(page).map_err(|e| e.to_string())?;
        // clap's name of the text after the options.
        Ok(page.replace(".SH EXTRA\n", ".SH EXAMPLES\n"))
    }
}
