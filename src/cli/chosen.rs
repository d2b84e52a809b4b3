//! Which deals a command is about: named, read from standard input, or all for which an expression is true.

use std::io::Read;

use super::exit::{CommandError, Exit};
use super::ui::Ui;
use super::workspace::{Facts, Workspace, read_history, tell_unreadable};
use super::write::Reads;
use crate::format::deal::Deal;
use crate::format::expr::Expression;
use crate::format::ident::DealId;
use crate::format::pipeline::{ExtraFields, Pipeline};
use crate::history::Options;
use crate::report::listing;

/// The word that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// More than this of ids is no list that a person means.
const MAX_INPUT: u64 = 16 * 1024 * 1024;

/// So much of a line that is no id is shown, in characters.
const SHOWN: usize = 60;

/// The deals of a command.
#[derive(Clone, Debug)]
pub enum Chosen {
    /// Named one by one.
    These(Vec<String>),
    /// All for which this expression is true.
    Where(String),
}

impl Chosen {
    /// What the command line says: ids, with `-` for those on standard input, or an expression.
    ///
    /// # Errors
    /// When both are there or neither, and when standard input cannot be read.
    pub fn read(ids: &[String], filter: Option<&str>) -> Result<Self, CommandError> {
        match filter {
            Some(_) if !ids.is_empty() => {
                Err(CommandError::usage(format!("name deals or give --where, not both: {}", ids.join(" "))))
            }
            Some(filter) => Ok(Chosen::Where(filter.to_owned())),
            None if ids.is_empty() => Err(CommandError::usage("name the deals, or choose them with --where")
                .hint("`-` reads their ids from standard input")),
            None => {
                let mut all = Vec::new();
                let mut asked = false;
                for id in ids {
                    if id != STANDARD_INPUT {
                        all.push(id.clone());
                    } else if !std::mem::replace(&mut asked, true) {
                        all.extend(listed(&standard_input()?)?);
                    }
                }
                Ok(Chosen::These(all))
            }
        }
    }

    /// What has to be read to know them.
    pub fn reads(&self) -> Reads {
        match self {
            Chosen::These(ids) => Reads::These(ids.clone()),
            Chosen::Where(_) => Reads::All,
        }
    }

    /// Their ids. Says so where there are none.
    ///
    /// # Errors
    /// When the expression is wrong, or cannot be answered for a deal: it might have been meant.
    pub fn ids(&self, ui: &mut Ui, workspace: &Workspace) -> Result<Vec<String>, CommandError> {
        let ids = match self {
            Chosen::These(ids) => ids.clone(),
            Chosen::Where(text) => matching(ui, workspace, text)?,
        };
        if ids.is_empty() {
            ui.line(match self {
                Chosen::These(_) => "no deal is named, nothing to do",
                Chosen::Where(_) => "no deal matches, nothing to do",
            });
        }
        Ok(ids)
    }
}

fn matching(ui: &mut Ui, workspace: &Workspace, text: &str) -> Result<Vec<String>, CommandError> {
    let pipeline = &workspace.reading.pipeline;
    let filter = compile(text, pipeline)?;
    let facts = match filter.uses_days_in_stage() {
        true => match read_history(&workspace.home, pipeline, &Options::default())? {
            Some(history) => Facts::of(&history, pipeline, workspace.today),
            None => Facts::default(),
        },
        false => Facts::default(),
    };
    let known = |deal: &Deal| workspace.circumstances(&facts, deal);
    let found = listing::select(pipeline, &workspace.reading.deals, Some(&filter), true, &[], &known);
    if let Some((deal, why)) = found.unanswered.first() {
        let more = match found.unanswered.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let message = format!("--where cannot be answered for {}{more}: {why}", deal.id);
        return Err(CommandError::new(Exit::Findings, message).hint("nothing was changed; narrow the expression"));
    }
    tell_unreadable(ui, &workspace.reading, &workspace.source);
    Ok(found.deals.iter().map(|deal| deal.id.to_string()).collect())
}

/// The expression of `--where`.
///
/// # Errors
/// When it is none, or names a field that nobody declared.
pub fn compile(text: &str, pipeline: &Pipeline) -> Result<Expression, CommandError> {
    let free = pipeline.extra_fields != ExtraFields::Deny;
    Expression::compile(text, &pipeline.fields, free).map_err(|error| {
        let part = text.get(error.range.clone()).filter(|p| !p.is_empty()).unwrap_or(text);
        let refused = CommandError::usage(format!("--where: {} (at `{part}`)", error.message));
        error.help.into_iter().fold(refused, CommandError::hint)
    })
}

fn standard_input() -> Result<String, CommandError> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX_INPUT + 1).read_to_end(&mut bytes);
    let read = read.map_err(|e| CommandError::new(Exit::Io, format!("cannot read standard input: {e}")))?;
    if read as u64 > MAX_INPUT {
        return Err(CommandError::usage("standard input is too long for a list of deals"));
    }
    String::from_utf8(bytes)
        .map_err(|_| CommandError::usage("standard input is no list of deals: it is not UTF-8 text"))
}

/// The ids of a text, one a line. Blank lines and those that begin with `#` say nothing.
///
/// # Errors
/// Names the first line that can be no id.
fn listed(text: &str) -> Result<Vec<String>, CommandError> {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).zip(1..);
    let said = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let id = |(line, number): (&str, usize)| match DealId::new(line) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => {
            let shown: String = line.chars().take(SHOWN).collect();
            let more = if shown.len() < line.len() { "…" } else { "" };
            Err(CommandError::usage(format!("line {number} of standard input is not the id of a deal: {shown}{more}"))
                .hint("one id a line, as `tussock list --format ids` prints them"))
        }
    };
    said.map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_one_a_line_between_blanks_and_remarks() {
        let text = "\u{feff}acme\r\n\r\n# the rest\r\n  globex  \ninitech";
        assert_eq!(listed(text).unwrap(), ["acme", "globex", "initech"]);
        assert_eq!(listed("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_line_that_can_be_no_id_is_named_and_not_shown_whole() {
        let told = |text: &str| listed(text).unwrap_err().message;
        assert_eq!(told("acme\n\nid,stage\n"), "line 3 of standard input is not the id of a deal: id,stage");
        assert!(told(&"x".repeat(5000)).len() < 200);
    }
}
