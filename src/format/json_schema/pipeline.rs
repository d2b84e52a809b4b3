//! The schema of the pipeline file.

use serde_json::{Map, Value, json};

use super::parts::{self, About, Block, Scalar, Texts};
use super::{COMMENT, RuleWords};

const ID: &str = "^[a-z0-9][a-z0-9._-]{0,99}$";
const LENGTH: &str = "^(10000|[1-9][0-9]{0,3})[hdw]$|^0+[0-9]+[hdw]$";
const SHARE: &str = r"^[0-9.]+\s*%$";
const CURRENCY: &str = "^[A-Z]{3}$";
const HOURS: &str = r"^\s*[0-9]{2}:[0-9]{2}\s*-\s*[0-9]{2}:[0-9]{2}\s*$";
const DATE: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";
const TYPES: [&str; 10] = ["text", "integer", "number", "money", "date", "boolean", "person", "path", "link", "deal"];
const LEVELS: [&str; 4] = ["error", "warning", "info", "off"];
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The schema of a pipeline file.
pub(super) fn schema(rules: &[RuleWords]) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("$comment".into(), json!(COMMENT));
    schema.insert("title".into(), json!("A sales pipeline"));
    schema.insert("description".into(), json!("Stages, ends, fields and criteria of a pipeline."));
    schema.insert("type".into(), json!("object"));
    schema.insert("definitions".into(), json!({"field": field(), "criteria": criteria()}));
    let properties = keys(vec![
        ("version", version()),
        ("title", text("What people call the pipeline. Example: Sites")),
        ("currency", like("Of bare amounts and of sums: three capital letters of ISO 4217. Example: EUR", CURRENCY)),
        ("timezone", text("Where a day begins. Without it: UTC. Example: Europe/Berlin")),
        ("calendar", calendar()),
        ("fiscal_year_start", month()),
        ("targets", targets()),
        ("forecast", forecast()),
        ("rates", text("The file of exchange rates, below the pipeline's folder. Example: rates.csv")),
        (
            "won_at",
            like("The first stage that counts as won. Without it, an end of kind won does. Example: contract", ID),
        ),
        ("groups", groups()),
        ("stages", parts::list(&about("The stages in order, each a folder.", "a list of stages"), stage())),
        ("ends", parts::list(&about("Where deals end: won, lost or recycled.", "a list of ends"), end())),
        ("fields", fields()),
        (
            "extra_fields",
            one_of("What a field that nobody declared is: an error, a warning, or fine.", &["deny", "warn", "allow"]),
        ),
        ("rules", levels(rules)),
        ("labels", labels()),
        ("lang", one_of("The language of the reports, where nobody asks for another.", &["en", "ru"])),
    ]);
    let required = ["version", "currency", "stages"].map(str::to_owned).to_vec();
    parts::fill(&mut schema, Block { properties, required, others: None });
    // Here names that begin with `x-` mean nothing either.
    schema.remove("patternProperties");
    Value::Object(schema)
}

fn about(description: &str, accepts: &str) -> About {
    About {
        title: String::new(),
        description: description.to_owned(),
        error: format!("this must be {accepts}"),
        filled: false,
    }
}

fn keys(list: Vec<(&str, Value)>) -> Map<String, Value> {
    list.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect()
}

/// A block of these keys and no others.
fn block(description: &str, list: Vec<(&str, Value)>, required: &[&str]) -> Value {
    let required = required.iter().map(|key| (*key).to_owned()).collect();
    let of = Block { properties: keys(list), required, others: None };
    let mut schema = parts::block(&about(description, "a block of keys"), of);
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("patternProperties");
    }
    schema
}

/// A block whose keys anybody may choose.
fn open(description: &str, properties: Map<String, Value>, others: Value) -> Value {
    parts::block(
        &about(description, "a block of keys"),
        Block { properties, required: Vec::new(), others: Some(others) },
    )
}

fn text(description: &str) -> Value {
    parts::scalar(&about(description, "a text"), &Scalar { types: &["number", "boolean"], texts: Texts::Any }, &[])
}

/// A text of a certain look; its description ends with an example.
fn like(description: &str, pattern: &'static str) -> Value {
    let example = description.rsplit_once("Example: ").map_or("a text", |(_, example)| example);
    let about = about(description, &format!("written as {example}"));
    parts::scalar(&about, &Scalar { types: &["number", "boolean"], texts: Texts::Like(pattern) }, &[])
}

fn one_of(description: &str, words: &'static [&'static str]) -> Value {
    parts::words(&about(description, &format!("one of {}", words.join(", "))), words.iter().copied())
}

fn boolean(description: &str) -> Value {
    parts::boolean(&about(description, "true or false"))
}

/// Several texts, of which one may stand without a list.
fn texts(description: &str, item: Value) -> Value {
    let mut schema = about_only(description);
    let one = json!({"type": ["string", "number", "boolean", "null"]});
    let several = json!({"type": "array", "items": item, "errorMessage": "this must be a list: [one, two]"});
    schema.insert("items".into(), several.get("items").cloned().unwrap_or_default());
    schema.insert("if".into(), one);
    schema.insert("else".into(), several);
    Value::Object(schema)
}

fn about_only(description: &str) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("description".into(), json!(description));
    schema
}

fn version() -> Value {
    let about = about("The version of this format. There is one: 1", "1");
    parts::words(&about, ["1"].into_iter())
}

fn month() -> Value {
    const MONTHS: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];
    let mut month = one_of("The month in which quarters and years begin, 1 to 12. Without it: 1", &MONTHS);
    let padded = json!({"not": {"not": {"type": "string", "pattern": r"^\+?0*[0-9]{1,2}$"}}});
    if let Some(ways) = month.get_mut("anyOf").and_then(Value::as_array_mut) {
        ways.push(padded);
    }
    month
}

fn calendar() -> Value {
    let days =
        texts("The working days. Without it: Monday to Friday. Example: [mon, tue, wed, thu]", one_of("", &WEEK));
    let holidays = parts::list(
        &about("Days on which nobody works. Example: [2026-01-01, 2026-05-01]", "a list of dates"),
        like("A day on which nobody works. Example: 2026-01-01", DATE),
    );
    let hours = like("The working hours of a day, in quotes. Example: \"09:00-18:00\"", HOURS);
    block(
        "When the team works, for `report time --business-hours`. Without it every hour counts.",
        vec![("days", days), ("hours", hours), ("holidays", holidays)],
        &["hours"],
    )
}

fn targets() -> Value {
    let amount =
        like("What is to be won in that period, in the pipeline's currency. Example: 300000", super::deal::MONEY);
    let description =
        "What is to be won, by month, quarter or fiscal year. Example: {2026-Q1: 300000, FY2027: 1500000}";
    let mut schema = open(description, Map::new(), amount);
    if let Some(schema) = schema.as_object_mut() {
        let period = "^([0-9]{4}(-(0[1-9]|1[0-2]|Q[1-4]))?|FY[0-9]{4}(-Q[1-4])?)$";
        schema.insert("propertyNames".into(), json!({"pattern": period}));
    }
    schema
}

fn number(description: &str, most: f64) -> Value {
    let mut schema = parts::scalar(
        &about(description, &format!("a number from 0 to {most}")),
        &Scalar { types: &["number"], texts: Texts::None },
        &[],
    );
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("minimum".into(), json!(0));
        schema.insert("maximum".into(), json!(most));
    }
    schema
}

fn forecast() -> Value {
    let horizon = like("How far ahead it looks: 90d, 12w, month, quarter or year. Example: quarter", HORIZON);
    let ages = parts::list(
        &about(
            "After how many days in a stage a deal counts as older, rising. Example: [0, 7, 14, 30]",
            "a list of days",
        ),
        json!({"description": "Days in a stage.", "type": ["integer", "string", "null"]}),
    );
    let coefficients = "Fields that make deals more or less likely to be won, at most 4. Example: [region, source]";
    block(
        "How the forecast is made.",
        vec![
            ("horizon", horizon),
            ("ages", ages),
            (
                "weight",
                number(
                    "How many deals of the past the probability of a stage weighs as much as. Without it: 10",
                    1000.0,
                ),
            ),
            ("coefficients", texts(coefficients, text("A field of which many deals have the same value."))),
            ("drift", boolean("Whether what the last forecasts were off by corrects the next. Without it: true")),
            (
                "dependence",
                number("How much deals are won and lost together, 0 (each for itself) to 0.95. Without it: 0.05", 0.95),
            ),
            ("new_business", boolean("Whether deals that are not there yet are counted in. Without it: true")),
        ],
        &[],
    )
}

const HORIZON: &str = "^(month|quarter|year|[0-9]+[dw])$";

fn groups() -> Value {
    let people = texts("The people of the group, as git knows them. Example: [boss, olga]", text("A person."));
    open("Groups of people by name, for approvals. Example: chiefs: [boss, olga]", Map::new(), people)
}

fn levels(rules: &[RuleWords]) -> Value {
    let rule = |(id, finds): &RuleWords| ((*id).to_owned(), one_of(finds, &LEVELS));
    let properties = rules.iter().map(rule).collect();
    open(
        "Levels of rules that are not the usual ones. Example: missing-next-step: off",
        properties,
        one_of("", &LEVELS),
    )
}

fn labels() -> Value {
    let word = text("The word to use. Example: candidate");
    open("Words that reports use instead of the usual ones. Example: deal: candidate", Map::new(), word)
}

fn stage() -> Value {
    block(
        "A stage: a folder of deals.",
        vec![
            ("id", like("The name of its folder. Example: proposal", ID)),
            ("title", text("What people call it. Example: Proposal")),
            ("goal", text("What the stage is there for. Example: The client knows what they get and for how much")),
            ("roles", texts("Who works on it. Example: [sales, production]", text("A role."))),
            (
                "limit",
                like(
                    "How long a deal should stay, in hours, days or weeks; the board marks what is over it. Example: 14d",
                    LENGTH,
                ),
            ),
            (
                "probability",
                like("The chance that a deal here is won, before history knows better. Example: 30%", SHARE),
            ),
            (
                "decided_in",
                like(
                    "How long it takes until half of the deals here are won or lost, before history knows better. Example: 45d",
                    LENGTH,
                ),
            ),
            ("sla", like("How long a client may wait for the first answer. Example: 24h", LENGTH)),
            ("optional", boolean("Whether deals may pass it by.")),
            ("was", was()),
            ("entry", shared("criteria")),
            ("exit", shared("criteria")),
        ],
        &["id"],
    )
}

fn end() -> Value {
    block(
        "An end: a folder of deals that are won, lost or recycled.",
        vec![
            ("id", like("The name of its folder. Example: won", ID)),
            ("title", text("What people call it. Example: Won")),
            ("goal", text("What it means, for people.")),
            (
                "kind",
                one_of("Whether deals here are won, lost, or went back to marketing.", &["won", "lost", "recycled"]),
            ),
            ("was", was()),
            ("entry", shared("criteria")),
        ],
        &["id", "kind"],
    )
}

fn was() -> Value {
    texts("Older names of the folder, so that its history is found. Example: [offer]", like("Example: offer", ID))
}

fn shared(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn criteria() -> Value {
    let approval = block(
        "Somebody says yes: the deal has `approvals.ID` with `by` and `on`.",
        vec![
            ("by", text("The group whose member it must be. Example: chiefs")),
            ("not", text("A field that names who may not give it. Example: owner")),
        ],
        &[],
    );
    let mut one = block(
        "A criterion: an id, a text, and one of require, check and approval.",
        vec![
            ("id", like("Its id; waivers and approvals name it. Example: budget-known", ID)),
            ("text", text("What people read. Example: The budget is known")),
            ("require", texts("Fields that must be filled. Example: [budget, inputs.goal]", text("A field."))),
            ("check", text("An expression that must be true. Example: amount > money(\"1000 EUR\")")),
            ("approval", approval),
            ("level", one_of("`error` refuses a move, `warning` and `info` only tell. Without it: error", &LEVELS)),
            ("waivable", boolean("`false`: a waiver does not help. Without it: true")),
        ],
        &["id"],
    );
    if let Some(one) = one.as_object_mut() {
        let ways = ["require", "check", "approval"].map(|key| json!({"required": [key]}));
        one.insert("oneOf".into(), json!(ways));
    }
    parts::list(
        &about(
            "What must hold: `exit` before a deal goes on, `entry` before it comes in. \
             Example: - {id: budget-known, text: The budget is known, require: [budget]}",
            "a list of criteria",
        ),
        one,
    )
}

fn fields() -> Value {
    open(
        "The fields of the deals in the order of the card, beside the built-in ones. \
         Example: budget: {type: money, required_from: proposal, help: What they said}",
        Map::new(),
        shared("field"),
    )
}

/// A type, what is said of a field, or a block of fields. The reader decides by the shape, so that little is refused here.
fn field() -> Value {
    let mut words = parts::words(
        &about(
            "A type (text, integer, number, money, date, boolean, person, path, link, deal), or a block: \
             {type: money, required: true}, {enum: [a, b]}, {list: text}, or fields inside.",
            &format!("one of {}, or a block", TYPES.join(", ")),
        ),
        TYPES.into_iter(),
    );
    let inside = block_of_field();
    if let Some(ways) = words.get_mut("anyOf").and_then(Value::as_array_mut) {
        ways.push(inside);
    }
    words
}

fn block_of_field() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": {"description": "What it accepts. Example: money"},
            "enum": {"description": "The words of which it is one. Example: [referral, web, event]"},
            "list": {"description": "It is a list of that type. Example: text"},
            "required": {"description": "Every deal needs it. Example: true"},
            "required_from": {"description": "Every deal needs it from that stage on. Example: proposal"},
            "label": {"description": "What people call it. Example: Budget"},
            "help": {"description": "What belongs into it. Example: What they said, not what we hope"},
        },
    })
}
