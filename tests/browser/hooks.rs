//! Webhooks in the page, and a receiver by the package of the specification.

use crate::stage::Stage;

#[test]
fn a_webhook_is_made_tried_and_removed_in_the_page() {
    let result = Stage::enter().see("hooks.mjs", ("PARLOUR_HOOKS_NETWORKS", "127.0.0.0/8"), &[]);
    let text = |name: &str| result[name].as_str().unwrap().to_owned();
    assert!(text("refused").contains("169.254.169.254"), "{result}");
    for said in ["The <b>door</b>", "Sent: texts"] {
        assert!(text("row").contains(said), "{said}: {result}");
    }
    for said in ["delivered", "status 200 after ", "Danke & <thanks>"] {
        assert!(text("delivery").contains(said), "{said}: {result}");
    }
    // The same message came twice, then one that was signed with two secrets.
    let came = result["came"].as_array().unwrap();
    let words: Vec<_> = came.iter().map(|one| &one[0]).collect();
    assert_eq!(words, ["test", "test", "test", "missed"], "{result}");
    assert_eq!((&came[0][1], &came[0][2]), (&came[1][1], &came[1][2]));
    assert!(came[2][1] != came[0][1] && came[2][2] == 2, "{result}");
    assert!(text("german").contains("Geschickt wird: Texte"), "{result}");
    assert_eq!(result["forgotten"], 0, "a secret is shown once");
}
