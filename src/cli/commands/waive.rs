//! `tussock waive`.

use crate::action::consent::waive;
use crate::cli::Global;
use crate::cli::chosen::Chosen;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::write::{ChangeArgs, at_work, carry_out};

/// Let deals pass a criterion that they do not meet
///
/// Writes who lets it pass, why and since when into the deal, where it stays and every report lists it. The only way
/// around a criterion.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock waive acme-site inputs-collected --reason \"Strategic account\"
  tussock waive acme-site inputs-collected --reason \"Agreed by phone\" --by boss
  tussock waive --where 'segment == \"partners\"' budget-known --reason \"Partners pay by the hour\"

Exit codes: 0 done · 1 the criterion takes no waiver, or is waived already · 2 no such deal or criterion · 4 uncommitted changes of the deal · 6 somebody else changed it first")]
pub struct Args {
    /// The deals, then the criterion; `-` for deals from standard input, one id a line
    #[arg(value_name = "DEAL… CRITERION", required = true)]
    words: Vec<String>,
    /// All deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it; you, as git knows you, when left out
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    #[command(flatten)]
    write: ChangeArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let Some((criterion, ids)) = args.words.split_last().filter(|(_, ids)| !ids.is_empty() || args.filter.is_some())
    else {
        return Err(CommandError::usage("name the deal, then the criterion")
            .hint("`tussock why DEAL` lists the criteria of a deal with their ids"));
    };
    let (reason, by) = (args.reason.trim(), args.by.as_deref().map(str::trim));
    if reason.is_empty() || by.is_some_and(str::is_empty) {
        return Err(CommandError::usage("a waiver needs a reason and somebody who answers for it"));
    }
    let who = if by.is_none() { Some(at_work(global)?) } else { None };
    let chosen = Chosen::read(ids, args.filter.as_deref())?;
    carry_out(ui, global, &args.write.how(), &chosen.reads(), &mut |ui, workspace| {
        let ids = chosen.ids(ui, workspace)?;
        Ok(waive(&workspace.reading, &ids, criterion, (by, who.as_ref()), reason, workspace.today)?)
    })
}
