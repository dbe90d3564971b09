//! `cabi completions`: the script by which a shell completes arguments of `cabi`.

use clap::Args;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  cabi completions bash > ~/.local/share/bash-completion/completions/cabi
  cabi completions zsh > ~/.zfunc/_cabi
  cabi completions fish > ~/.config/fish/completions/cabi.fish

Make the folder first, with mkdir -p.";

/// Prints the completion script of a shell.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// Shell to complete in.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut command: clap::Command) -> Result<String, String> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "cabi", &mut script);
        String::from_utf8(script).map_err(|e| e.to_string())
    }
}
