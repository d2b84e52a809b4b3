//! The pipelines that ship with tussock, in two languages.

/// A pipeline to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Its name for `init --template`.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub about: &'static str,
    /// The pipeline file in English.
    pub english: &'static str,
    /// The pipeline file in Russian.
    pub russian: &'static str,
}

macro_rules! template {
    ($name:literal, $about:literal) => {
        Template {
            name: $name,
            about: $about,
            english: include_str!(concat!("../../templates/pipelines/", $name, ".en.yaml")),
            russian: include_str!(concat!("../../templates/pipelines/", $name, ".ru.yaml")),
        }
    };
}

/// All templates, the fullest first.
pub const TEMPLATES: [Template; 5] = [
    template!(
        "service-project",
        "a service company with project production: ten stages from the inputs to the feedback"
    ),
    template!("simple-sites", "simple sites and promotion: six stages from the first contact to the money"),
    template!("six-stage", "the classic six: contact, qualification, meeting, proposal, closing, support"),
    template!("fundraising", "investors: longer, with many ways back and forth"),
    template!("hiring", "candidates: the team decides"),
];

/// The template of a name.
pub fn find(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|t| t.name == name)
}
