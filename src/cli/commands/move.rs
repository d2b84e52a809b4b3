//! `tussock move`.

use crate::action::assign;
use crate::action::plan::{Target, moves};
use crate::cli::Global;
use crate::cli::chosen::Chosen;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::refusal::refused;
use crate::cli::ui::Ui;
use crate::cli::workspace::Facts;
use crate::cli::write::{ChangeArgs, WriteArgs, carry_out};

/// Move deals to another stage
///
/// Judges every deal by the criteria of the way, moves its file and commits. A refused move says what is missing and
/// changes nothing; several deals are moved together or not at all. Your other changes, staged or not, stay as they are.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock move acme-site proposal
  tussock move acme-site proposal --set proposal.sent_on=today -m \"Sent v1\"
  tussock move acme-site --next
  tussock move acme-site globex initech decision
  tussock move --where 'owner == \"olga\" and stage == \"brief\"' proposal
  tussock list --where 'days_in_stage > 90' --format ids | tussock move - recycled
  tussock move acme-site --next --dry-run

Exit codes: 0 moved, or already there · 1 refused by criteria · 2 no such deal or stage · 4 uncommitted changes of the deal, or a merge in progress · 5 locked · 6 somebody else moved it first · 7 rejected by a hook")]
pub struct Args {
    /// The deals, then the stage; `-` for deals from standard input, one id a line
    #[arg(value_name = "DEAL… STAGE")]
    words: Vec<String>,
    /// Move all deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Move each deal to the stage after its own
    #[arg(long)]
    next: bool,
    /// Set a field in the same step (field=value; field+=item for a list; field= to take it out)
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    write: ChangeArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let chosen_otherwise = args.filter.is_some();
    let (ids, target) = match (&args.words[..], args.next) {
        (ids, true) => (ids, Target::Next),
        ([ids @ .., stage], false) if !ids.is_empty() || chosen_otherwise => (ids, Target::Named(stage.clone())),
        (words, false) => {
            let deals = if words.is_empty() { "DEAL".to_owned() } else { words.join(" ") };
            return Err(CommandError::usage("name the stage to move to, or say --next")
                .hint(format!("tussock move {deals} STAGE")));
        }
    };
    let chosen = Chosen::read(ids, args.filter.as_deref())?;
    move_all(ui, global, &chosen, &target, &args.sets, &args.write.how())
}

/// Moves deals; what `move`, `win` and `lose` share.
pub(super) fn move_all(
    ui: &mut Ui,
    global: &Global,
    chosen: &Chosen,
    target: &Target,
    sets: &[String],
    write: &WriteArgs,
) -> Result<Exit, CommandError> {
    let sets = parse_sets(sets)?;
    carry_out(ui, global, write, &chosen.reads(), &mut |ui, workspace| {
        let ids = chosen.ids(ui, workspace)?;
        let facts = Facts::gather(ui, &workspace.home, &workspace.reading.pipeline, workspace.today)?;
        moves(&workspace.reading, &ids, target, &sets, &|deal| workspace.circumstances(&facts, deal)).map_err(refused)
    })
}

/// The assignments of `--set`.
pub(super) fn parse_sets(sets: &[String]) -> Result<Vec<assign::Assignment>, CommandError> {
    sets.iter().map(|s| assign::parse(s).map_err(|e| CommandError::usage(e.to_string()))).collect()
}
