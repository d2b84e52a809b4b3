//! What is particular to one report, behind the head that all have.

use serde::Serialize;

use super::asked::Profile;

/// What each number of a part means: its name in JSON and a sentence.
pub type Definitions = &'static [(&'static str, &'static str)];

/// One report without its head.
pub trait Body: Serialize {
    /// Its name on the command line, also that of its template.
    const NAME: &'static str;
    /// What its numbers mean, part by part.
    const DEFINITIONS: &'static [Definitions];
    /// Its tables as CSV has them: a name, and the JSON pointer of an array of rows. The first is the main one.
    const TABLES: &'static [(&'static str, &'static str)];

    /// How many deals it lists: a longer report may take longer to print.
    fn rows(&self) -> usize;

    /// Leaves out what a reader of this profile is not to see, in every format.
    fn restrict(&mut self, profile: Profile);
}
