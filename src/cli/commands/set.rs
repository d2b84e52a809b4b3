//! `tussock set`.

use super::r#move::parse_sets;
use crate::action::plan;
use crate::cli::Global;
use crate::cli::chosen::Chosen;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::write::{ChangeArgs, carry_out};

/// Change fields of deals
///
/// Changes the bytes of these fields and of nothing else, and commits. Comments, order and quoting stay. Several deals
/// are changed together or not at all.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock set acme-site amount=20000
  tussock set acme-site next_step.what=\"Call the CFO\" next_step.due=today+7d
  tussock set acme-site \"activity+={on: 2026-11-20, who: olga, what: call}\"
  tussock set acme-site segment=               takes the field out
  tussock set acme-site globex owner=olga
  tussock set --where 'owner == \"petr\"' owner=olga

Exit codes: 0 done · 1 the value does not fit the field · 2 no such deal or field · 4 uncommitted changes of the deal · 6 somebody else changed it first")]
pub struct Args {
    /// The deals, then field=value; field+=item for a list; field= to take it out; `-` for deals from standard input
    #[arg(value_name = "DEAL… FIELD=VALUE…", required = true)]
    words: Vec<String>,
    /// Change all deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    #[command(flatten)]
    write: ChangeArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    // No id has a `=` in it.
    let begun = args.words.iter().position(|word| word.contains('=')).unwrap_or(args.words.len());
    let (ids, sets) = args.words.split_at(begun);
    if sets.is_empty() {
        let shown = ids.join(" ");
        return Err(CommandError::usage(format!("say what to change: write field=value after {shown}"))
            .hint(format!("tussock set {shown} amount=20000")));
    }
    let sets = parse_sets(sets)?;
    let chosen = Chosen::read(ids, args.filter.as_deref())?;
    carry_out(ui, global, &args.write.how(), &chosen.reads(), &mut |ui, workspace| {
        let ids = chosen.ids(ui, workspace)?;
        Ok(plan::set(&workspace.reading, &ids, &sets, workspace.today)?)
    })
}
