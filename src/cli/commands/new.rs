//! `tussock new`.

use super::r#move::parse_sets;
use crate::action::plan::{self, Plan};
use crate::cli::Global;
use crate::cli::asking::{Answers, AskArgs};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::refusal::refused;
use crate::cli::ui::Ui;
use crate::cli::workspace::Facts;
use crate::cli::write::{Reads, WriteArgs, carry_out};
use crate::format::deal::Deal;
use crate::format::former::formerly;
use crate::format::json_schema::{self, DEAL_FILE};
use crate::format::source::Source;
use crate::repo::worktree::WorkTree;

/// Make a new deal
///
/// Writes the deal's file into the first stage and commits. Its id is made from the title: «Сайт для Ромашки» becomes
/// sait-dlia-romashki.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock new \"ACME site\" --set owner=olga --set amount=18000
  tussock new \"Renewal for Globex\" --id globex-2027 --set follows=globex
  tussock new \"Walk-in customer\" --stage proposal --set inputs.goal=\"A shop\"

Exit codes: 0 done · 1 a required field is missing · 2 the id is taken or cannot be made · 4 a merge is in progress")]
pub struct Args {
    /// What people call the deal
    title: String,
    /// The deal's id, instead of one made from the title
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The stage, instead of the first
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Set a field (field=value; field+=item for a list)
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    ask: AskArgs,
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let mut answers = Answers::new(parse_sets(&args.sets)?);
    let new_id = plan::new_id(&args.title, args.id.as_deref()).map_err(refused)?;
    let facts = Facts::default();
    let (id, stage) = (args.id.as_deref(), args.stage.as_deref());
    carry_out(ui, global, &args.write, &Reads::Perhaps(new_id.clone()), &mut |ui, workspace| {
        let former = formerly(&workspace.source, &new_id)
            .map_err(|e| CommandError::new(Exit::Io, format!("cannot list the deals: {e}")))?;
        answers.plan(ui, workspace, args.ask.may_ask(ui), &|sets| {
            let known = |deal: &Deal| workspace.circumstances(&facts, deal);
            let plan = plan::new(&workspace.reading, &args.title, id, stage, sets, former.as_ref(), &known)?;
            Ok(if wants_modeline(&workspace.source, &plan) { plan.naming_schema() } else { plan })
        })
    })
}

/// Whether new deals name the common schema in their first line: where there is one, and none of their stage. An editor
/// finds that of the stage by the folder, and would not look for it if the file named another.
fn wants_modeline(source: &WorkTree, plan: &Plan) -> bool {
    let there = |path: &str| source.read(path).is_ok();
    let stages = || plan.changes.iter().any(|change| there(&json_schema::stage_file(&change.to)));
    there(DEAL_FILE) && !stages()
}
