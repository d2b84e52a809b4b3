//! The message of a commit.

use super::Action;
use super::scratch::Scratch;
use crate::repo::error::WriteError;
use crate::repo::hooks::Hooks;

/// The message of the commit, after the hooks had their say.
pub(super) fn message(action: &Action, scratch: &Scratch, hooks: &mut Hooks<'_>) -> Result<String, WriteError> {
    let text = tidy(&compose(action));
    let wanted = ["prepare-commit-msg", "commit-msg"].iter().any(|name| hooks.may_have(name));
    if !wanted {
        return Ok(text);
    }
    let file = scratch.file("COMMIT_EDITMSG");
    std::fs::write(&file, &text).map_err(WriteError::io("write", &file))?;
    let name = file.to_string_lossy().into_owned();
    hooks.run("prepare-commit-msg", &[&name, "message"])?;
    hooks.run("commit-msg", &[&name])?;
    let bytes = std::fs::read(&file).map_err(WriteError::io("read", &file))?;
    let text = tidy(&String::from_utf8_lossy(&bytes));
    if text.is_empty() {
        let output = "it left the message empty".to_owned();
        return Err(WriteError::Rejected { by: "the commit-msg hook".to_owned(), output });
    }
    Ok(text)
}

/// Subject, body and trailers as one text.
fn compose(action: &Action) -> String {
    let line = |text: &str| text.split(['\n', '\r', '\0']).map(str::trim).collect::<Vec<_>>().join(" ");
    let mut text = line(&action.subject);
    if !action.body.trim().is_empty() {
        text.push_str("\n\n");
        text.push_str(&action.body.replace('\0', " "));
    }
    for (i, (key, value)) in action.trailers.iter().enumerate() {
        text.push_str(if i == 0 { "\n\n" } else { "\n" });
        text.push_str(&format!("{}: {}", line(key), line(value)));
    }
    text
}

/// A message as git would clean it: no blanks at the ends of lines, no empty lines at the ends, never two in a row.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len() + 1);
    let mut gap = false;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            gap = !tidy.is_empty();
            continue;
        }
        if gap {
            tidy.push('\n');
            gap = false;
        }
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_one_subject_line_a_body_and_trailers() {
        let action = Action {
            subject: "acme: brief\n→ proposal".into(),
            body: "Sent v1   \n\n\n\nThey liked it\n\n".into(),
            trailers: vec![("Deal".into(), "acme".into()), ("To".into(), "proposal\nEvil: yes".into())],
            ..Action::default()
        };
        assert_eq!(
            tidy(&compose(&action)),
            "acme: brief → proposal\n\nSent v1\n\nThey liked it\n\nDeal: acme\nTo: proposal Evil: yes\n"
        );
    }
}
