//! May a deal move to a place? What is missing, what is not so, and where else it could go.

use crate::format::deal::Deal;
use crate::format::ident::StageId;
use crate::format::judge::{Circumstances, Demand, Outcome, demands, earned_stage, judge, missing_fields};
use crate::format::pipeline::{EndKind, Pipeline, Place, RuleLevel};

/// The answer of the gate for one deal and one place.
#[derive(Debug)]
pub struct Verdict<'p> {
    /// Every criterion that the place asks for, with how the deal stands to it, in the pipeline's order.
    pub criteria: Vec<(Demand<'p>, Outcome)>,
    /// Fields required in the place that are not filled.
    pub missing_fields: Vec<String>,
}

impl<'p> Verdict<'p> {
    /// Whether the deal may go: no criterion of level error is unmet and no required field is missing.
    pub fn passes(&self) -> bool {
        self.refusing().next().is_none() && self.missing_fields.is_empty()
    }

    /// The criteria that keep the deal out.
    pub fn refusing(&self) -> impl Iterator<Item = &(Demand<'p>, Outcome)> {
        self.criteria.iter().filter(|(d, o)| d.criterion.level == RuleLevel::Error && !o.passes())
    }

    /// Unmet criteria that only warn.
    pub fn warnings(&self) -> impl Iterator<Item = &(Demand<'p>, Outcome)> {
        self.criteria.iter().filter(|(d, o)| d.criterion.level != RuleLevel::Error && !o.passes())
    }

    /// Every field that is missing, of criteria and of the card, each once; of several that would do, the first.
    pub fn missing(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let of_criteria = self.refusing().filter_map(|(_, o)| match o {
            Outcome::Missing(fields) => Some(fields.clone()),
            Outcome::MissingOneOf(fields) => Some(fields[..1].to_vec()),
            _ => None,
        });
        for field in of_criteria.flatten().chain(self.missing_fields.iter().cloned()) {
            if !all.contains(&field) {
                all.push(field);
            }
        }
        all
    }
}

/// Judges a deal, as it would be, for a place. Moving back to an earlier stage asks for nothing: pass the stage it comes
/// from as `from`. A deal that has already ended is judged for the whole way.
pub fn verdict<'p>(
    pipeline: &'p Pipeline,
    deal: &Deal,
    from: &StageId,
    place: Place<'p>,
    circumstances: &Circumstances<'_>,
) -> Verdict<'p> {
    if let (Some(Place::Stage(here, _)), Place::Stage(there, _)) = (pipeline.place(from.as_str()), place)
        && there < here
    {
        return Verdict { criteria: Vec::new(), missing_fields: Vec::new() };
    }
    // A deal may always be given up, whatever else its card lacks.
    let given_up = matches!(place, Place::End(end) if end.kind != EndKind::Won);
    let missing_fields = if given_up { Vec::new() } else { missing_fields(pipeline, deal, place) };
    let judged = demands(pipeline, deal, place, circumstances.visited);
    let criteria = judged.into_iter().map(|d| (d, judge(pipeline, deal, d.criterion, circumstances))).collect();
    Verdict { criteria, missing_fields }
}

/// The places a deal could be moved to as it is, without its own: earlier stages, stages it has earned, and ends whose
/// criteria it meets.
pub fn open_places<'p>(pipeline: &'p Pipeline, deal: &Deal, circumstances: &Circumstances<'_>) -> Vec<Place<'p>> {
    let earned = earned_stage(pipeline, deal, circumstances);
    let possible = |place: &Place<'p>| match place {
        _ if *place.id() == deal.stage => false,
        Place::Stage(index, _) => {
            *index <= earned && verdict(pipeline, deal, &deal.stage, *place, circumstances).passes()
        }
        Place::End(end) if end.kind == EndKind::Won && earned + 1 < pipeline.stages.len() => false,
        Place::End(_) => verdict(pipeline, deal, &deal.stage, *place, circumstances).passes(),
    };
    pipeline.places().filter(possible).collect()
}
