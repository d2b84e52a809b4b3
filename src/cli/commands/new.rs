//! `tussock new`.

use super::r#move::parse_sets;
use crate::action::plan;
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::refusal::refused;
use crate::cli::ui::Ui;
use crate::cli::workspace::Facts;
use crate::cli::write::{Reads, WriteArgs, carry_out};

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
    write: WriteArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let sets = parse_sets(&args.sets)?;
    let new_id = plan::new_id(&args.title, args.id.as_deref()).map_err(refused)?;
    let facts = Facts::default();
    let (id, stage) = (args.id.as_deref(), args.stage.as_deref());
    carry_out(ui, global, &args.write, &Reads::Perhaps(new_id), &mut |_, workspace| {
        plan::new(&workspace.reading, &args.title, id, stage, &sets, &|deal| workspace.circumstances(&facts, deal))
            .map_err(refused)
    })
}
