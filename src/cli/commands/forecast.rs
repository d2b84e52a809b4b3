//! `tussock forecast`.

use super::report::{Ahead, Asking, Choosing, Order};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::printing::Printing;
use crate::cli::standpoint::{AllowIncomplete, AsOf};
use crate::cli::ui::Ui;
use crate::report::Kind;

/// Say what will be won, and how sure that is
///
/// How much will probably be won of the open deals up to the horizon, between which amounts that lies in eight of ten
/// cases, by month, stage and owner, and for every deal its chance and where that comes from; new business, and the sellers'
/// own opinion beside it. It uses only the committed state and its history, as of the last commit unless --as-of or --today
/// says otherwise. It is the same as `tussock report forecast`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock forecast
  tussock forecast --horizon quarter
  tussock forecast --horizon 2026-12-31 --by region
  tussock forecast --what-if 'acme-site: stage=proposal, amount=50000' --what-if 'lose beta-shop'
  tussock forecast --as-of 2026-06-30               what one would have said that day
  tussock forecast --where 'owner == \"olga\"' --format csv --table deals
  tussock why forecast acme-site                    how the chance of one deal came about

Exit codes: 0 done · 1 some files could not be read · 2 wrong arguments, or a template that fails · 3 no pipeline here · 4 not in a git repository · 8 the file cannot be written · 10 history is incomplete (a shallow clone, a missing or damaged object)")]
pub struct Args {
    #[command(flatten)]
    ahead: Ahead,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
    #[command(flatten)]
    printing: Printing,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let order = Order {
        kind: Kind::Forecast,
        as_of: &args.as_of,
        allow: args.allow,
        asking: &Asking::ahead(&args.ahead, &args.choosing),
        uncommitted: false,
        printing: &args.printing,
    };
    order.run(ui, global)
}
