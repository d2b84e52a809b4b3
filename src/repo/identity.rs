//! Who is at work, as git knows them.

use super::error::WriteError;
use super::git::{Git, GitError};
use super::objects::Author;
use super::state::{Settings, identity};

/// Who would be the author of a commit made now, under the name and address that `.mailmap` has for them.
///
/// # Errors
/// When git was not told who that is, or cannot be run.
pub fn author(git: &Git) -> Result<Author, WriteError> {
    identity(git, &Settings::read(git)?)?;
    let ident = git.command("var").reading().env("LC_ALL", "C").args(["GIT_AUTHOR_IDENT"]).line()?;
    let odd =
        |answer: &str| GitError::Answer { command: "git var GIT_AUTHOR_IDENT".to_owned(), answer: answer.to_owned() };
    let (contact, _) = ident.rsplit_once('>').ok_or_else(|| odd(&ident))?;
    let contact = format!("{contact}>");
    let known = git.command("check-mailmap").reading().args([&contact]).line()?;
    let (name, email) = known.trim_end_matches('>').rsplit_once('<').ok_or_else(|| odd(&known))?;
    Ok(Author { name: name.trim().to_owned(), email: email.trim().to_owned() })
}
