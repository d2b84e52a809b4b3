//! `tussock schema`.

use clap::Subcommand;

use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::schemas::{Act, rule_words, write};
use crate::cli::ui::Ui;
use crate::cli::workspace::{current, home, read_pipeline, work_tree};
use crate::format::json_schema;
use crate::format::nearest::nearest;
use crate::output::schema;
use crate::output::terminal::plain;

/// Print a JSON Schema
///
/// Of deals and of the pipeline file, made from your pipeline.yaml, so that an editor completes fields, explains them and
/// marks mistakes while you write: `tussock init --editor` writes them together with the settings of an editor. And of the
/// documents that `--format json` prints, for who reads them with a program.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock schema deal                    of every deal
  tussock schema deal --stage proposal   with what a deal needs in that stage
  tussock schema deal --write            writes all of them into .tussock
  tussock schema pipeline
  tussock schema findings > findings.schema.json

Exit codes: 0 done · 2 no such stage, or a broken pipeline file · 3 no pipeline here · 8 a file cannot be written")]
pub struct Args {
    #[command(subcommand)]
    of: Of,
}

#[derive(Debug, Subcommand)]
enum Of {
    /// The schema of a deal
    ///
    /// A deal's stage is its folder, which a schema cannot see: --stage gives the schema of one stage, with what is
    /// required there. --write writes the schema of every deal, one for each stage and end, and that of the pipeline
    /// file into .tussock, for editors; commit them.
    Deal(DealArgs),
    /// The schema of pipeline.yaml
    Pipeline,
    /// The schema of what `validate --format json` prints
    Findings,
    /// The schema of what `report --format json` and `backtest --format json` print
    Report,
}

#[derive(Debug, clap::Args)]
struct DealArgs {
    /// Of the deals in this stage or end
    #[arg(long, value_name = "STAGE", conflicts_with = "write")]
    stage: Option<String>,
    /// Write the schemas into .tussock
    #[arg(long)]
    write: bool,
    /// With --write: leave out those of the stages; new deals then name the common one in their first line
    #[arg(long, requires = "write")]
    common: bool,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    match &args.of {
        Of::Deal(args) => deal(ui, global, args),
        Of::Pipeline => {
            ui.print(json_schema::text(&json_schema::pipeline_file(&rule_words())));
            Ok(Exit::Done)
        }
        Of::Findings => {
            ui.print(schema::FINDINGS);
            Ok(Exit::Done)
        }
        Of::Report => {
            ui.print(schema::REPORT);
            Ok(Exit::Done)
        }
    }
}

fn deal(ui: &mut Ui, global: &Global, args: &DealArgs) -> Result<Exit, CommandError> {
    let (here, home) = (current(global)?, home(global)?);
    let tree = work_tree(&home, &here)?;
    let pipeline = read_pipeline(ui, &tree)?;
    if args.write {
        let acts = write(&home.root, &pipeline, args.common)?;
        tell(ui, &acts);
        return Ok(Exit::Done);
    }
    let schema = match &args.stage {
        None => json_schema::deal(&pipeline),
        Some(name) => {
            let place = pipeline.place(name).ok_or_else(|| {
                let near = nearest(name, pipeline.places().map(|place| place.id().as_str()));
                let error = CommandError::usage(format!("there is no stage {name:?}"));
                match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                }
            })?;
            json_schema::deal_in(&pipeline, place)
        }
    };
    ui.print(json_schema::text(&schema));
    Ok(Exit::Done)
}

/// Says what became of the files.
pub(super) fn tell(ui: &mut Ui, acts: &[(String, Act)]) {
    for (path, act) in acts {
        match act {
            Act::Made => ui.line(plain(&format!("wrote {path}"))),
            Act::Changed => ui.line(plain(&format!("brought {path} up to date"))),
            Act::Removed => ui.line(plain(&format!("removed {path}, which no stage needs"))),
            Act::Kept => {}
        }
    }
    if acts.iter().all(|(_, act)| matches!(act, Act::Kept)) {
        ui.line("the schemas are up to date");
    }
}
