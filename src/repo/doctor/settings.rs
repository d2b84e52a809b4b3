//! How the clone is set up.

use super::{Ailment, Cure, Kind, Patient, Remedy, curable};
use crate::repo::error::WriteError;

pub(super) fn missing(patient: &Patient) -> Result<Vec<Ailment>, WriteError> {
    let mut ailments = Vec::new();
    let ran = patient.reading("config").args(["--get", "merge.directoryRenames"]).run()?;
    let value = String::from_utf8_lossy(&ran.out).trim().to_ascii_lowercase();
    if !matches!(value.as_str(), "false" | "no" | "off" | "0") {
        let what = "merge.directoryRenames is not false here: when all deals leave a stage, a merge may take other \
                    people's new deals along to another stage";
        ailments.push(curable(what, "sets it to false for this repository", Kind::Configure));
    }
    let ran = patient.reading("rev-parse").args(["--is-shallow-repository"]).run()?;
    if ran.out.starts_with(b"true") {
        ailments.push(Ailment {
            what: "this clone is shallow: its history is cut off, and reports that need it are incomplete".to_owned(),
            cure: Cure::Mend {
                does: "fetches the rest with `git fetch --unshallow`".to_owned(),
                only_asked: Some("it goes over the network and may take long".to_owned()),
                remedy: Remedy(Kind::FetchHistory),
            },
        });
    }
    Ok(ailments)
}

pub(super) fn configure(patient: &Patient) -> Result<(), WriteError> {
    patient.writing("config").args(["--local", "merge.directoryRenames", "false"]).bytes()?;
    Ok(())
}

pub(super) fn fetch_history(patient: &Patient) -> Result<(), WriteError> {
    patient.writing("fetch").args(["--quiet", "--unshallow"]).bytes()?;
    Ok(())
}
