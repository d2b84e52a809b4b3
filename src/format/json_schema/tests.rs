use super::*;

#[test]
fn a_schema_is_known_again_however_it_is_laid_out() {
    let schema = pipeline_file(&[]);
    let flat = serde_json::to_string(&schema).unwrap();
    assert!(is_same(&text(&schema), &schema) && is_same(&flat, &schema) && is_ours(&flat));
    assert!(!is_same(&flat.replace("A sales pipeline", "Mine"), &schema) && !is_same("", &schema) && !is_ours("{}"));
}
