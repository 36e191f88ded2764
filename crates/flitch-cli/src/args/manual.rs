//! The commands about this program itself: what helps a shell and a reader.

use std::path::PathBuf;

use clap_complete::Shell;

/// Print what completes flitch's command line in a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch completions bash > /etc/bash_completion.d/flitch
  flitch completions zsh > ~/.zfunc/_flitch
  flitch completions fish > ~/.config/fish/completions/flitch.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual page, or write one for each command.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch man | man -l -
  flitch man --dir /usr/local/share/man/man1
  flitch man rpc | man -l -")]
pub(crate) struct ManArgs {
    /// The page of this command [default: of flitch itself]
    pub(crate) command: Option<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}
