//! Flows in the page, from what is written in it to what a run did.

use serde_json::Value;

use crate::stage::Stage;

#[test]
fn a_flow_is_written_set_up_run_undone_and_shared_in_the_page() {
    let result = Stage::enter().see("flows.mjs", ("PARLOUR_LIMITS_REQUEST_BURST", "1000"), &[]);
    let text = |name: &str| result[name].as_str().unwrap().to_owned();
    let texts = |name: &str| -> Vec<String> {
        result[name].as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    assert_eq!(texts("ofServer"), ["Runs …", "Close"], "{result}");
    assert!(text("wrong").contains("2 problems"), "{result}");
    let problems = texts("problems");
    for (problem, said) in problems
        .iter()
        .zip([["Line 15", "parameters.token.type", "secret"], ["Line 31", "steps[0].do", "create_channel"]])
    {
        assert!(said.iter().all(|said| problem.contains(said)), "{problem}");
    }
    assert_eq!((problems.len(), texts("marked")), (2, vec!["15".to_owned(), "31".to_owned()]));
    assert_eq!(text("chosen"), "\"secrets\"");
    assert_eq!(result["secret"], serde_json::json!(["password", "", "set; not shown"]));
    assert!(text("misfit").contains("a text of 20 characters at most"), "{result}");
    assert_eq!(result["noSecret"], 0, "what is secret is given to no run");
    let run = text("run");
    // What its owner set by itself is there still, and shown by nothing.
    for said in ["About tea", "***", "begun by hand"] {
        assert!(run.contains(said), "{said}: {run}");
    }
    assert!(!result.to_string().contains("tok-of-demo"), "{result}");
    assert!(text("back").contains("undoing make · undone"), "{result}");
    for said in ["A <i>room for a theme (room)", "Makes a channel <b>, and waits", "1 cancelled", "yours"] {
        assert!(text("catalogue").contains(said), "{said}: {result}");
    }
    assert_eq!(texts("found"), ["A <i>room for a theme (room)"]);
    assert_eq!(texts("theirs"), ["A <i>room for a theme (room)"], "what isn't shared nobody else sees");
    let theirs = text("theirFlow");
    assert!(theirs.contains("★ 4 (Bewertungen: 1)") && theirs.contains("[[steps]]"), "{theirs}");
    for hidden in ["tea", "Ausschalten", "Entfernen"] {
        assert!(!theirs.contains(hidden), "{hidden}: {theirs}");
    }
    assert!(!text("taken").is_empty(), "{result}");
}
