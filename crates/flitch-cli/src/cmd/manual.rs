//! `flitch completions` and `flitch man`: made from the definition of the command line.

use clap::{Command, CommandFactory};

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::failure::{Failure, Stage};
use crate::out;

pub(crate) fn completions(args: &CompletionsArgs) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "flitch", &mut script);
    out::stdout(&String::from_utf8_lossy(&script));
}

/// # Errors
/// There is no such command, or a page cannot be written.
pub(crate) fn pages(args: &ManArgs) -> Result<(), Failure> {
    let failed = |error| Failure::new(Stage::Internal, format!("cannot write a page: {error}"));
    if let Some(folder) = &args.dir {
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Args::command(), folder));
        let sentence = |error| format!("cannot write to {}: {error}", folder.display());
        return written.map_err(|error| Failure::usage(sentence(error)));
    }
    let page = page(args.command.as_deref())?;
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text).map_err(failed)?;
    out::stdout(&String::from_utf8_lossy(&text));
    Ok(())
}

/// The command whose page is wanted, under the name that its page has.
fn page(name: Option<&str>) -> Result<Command, Failure> {
    let mut all = Args::command();
    all.build();
    let Some(name) = name else { return Ok(all) };
    let found = all.find_subcommand(name).cloned();
    found
        .ok_or_else(|| Failure::usage(format!("there is no command {name:?}: see `flitch --help`")))
}

#[cfg(test)]
mod tests {
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn every_shell_is_told_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "flitch", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in Args::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell} {}", command.get_name());
            }
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        pages(&ManArgs { command: None, dir: Some(folder.path().to_owned()) }).unwrap();
        for command in Args::command().get_subcommands() {
            let page = folder.path().join(format!("flitch-{}.1", command.get_name()));
            let page = std::fs::read_to_string(page).unwrap();
            assert!(page.contains("Examples"), "{}", command.get_name());
        }
    }

    #[test]
    fn a_page_that_there_is_none_of_is_a_mistake_of_the_line() {
        assert_eq!(page(Some("rpc")).unwrap().get_name(), "rpc");
        assert_eq!(page(Some("nothing")).unwrap_err().stage, Stage::Usage);
    }
}
