//! `duet account`: adds an account to a file; the password comes from standard input.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::accounts::Accounts;

#[derive(Debug, Args)]
#[command(after_help = "Example:
  echo 'correct horse' | duet account alice --file users.toml")]
pub(crate) struct Arguments {
    /// The account's name
    name: String,
    /// The file of accounts; made where there is none
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut accounts = match arguments.file.exists() {
        true => Accounts::load(&arguments.file).map_err(|error| Failure::new(error.to_string()))?,
        false => Accounts::default(),
    };
    eprintln!("password for {:?}:", arguments.name);
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("cannot read the password: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new("a password has at least one character").usage());
    }
    let id = accounts
        .add(&arguments.name, password)
        .map_err(Failure::new)?
        .id;
    accounts
        .save(&arguments.file)
        .map_err(|error| Failure::new(error.to_string()))?;
    super::say(format!(
        "{} has user id {id} in {}",
        arguments.name,
        arguments.file.display()
    ))
}
