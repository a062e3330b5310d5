//! The assistant's door with what others wrote: the SDKs of the Model Context Protocol, and its conformance suite.

use super::*;

#[tokio::test]
async fn the_sdk_for_python_finds_its_way_and_uses_tools_by_both_revisions() {
    let server = TestServer::with(ON).await;
    let program = register_as(&server, assistant(&server, ALL), "127.0.0.1").await;
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let mut python = Command::new(target.join("python/bin/python"));
    python.arg("assistant.py");
    let told = outside(python, &server, &program, &[("NAME", "root")]).await;
    for (mode, version) in [("auto", "2026-07-28"), ("legacy", "2025-11-25")] {
        let told = &told[mode];
        assert_eq!(told["version"], version);
        let tools = names(&told["tools"]);
        assert!(tools.len() > 50 && tools.contains("list") && !tools.contains("join"), "{tools:?}");
        assert!(names(&told["destructive"]).contains("kick") && names(&told["readOnly"]).contains("list"));
        assert!(names(&told["destructive"]).is_disjoint(&names(&told["readOnly"])));
        assert!(names(&told["channels"]).contains("General"));
        assert!(told["about"].as_str().unwrap().contains("written by members"), "{told}");
        assert_eq!((&told["text"], &told["wrong"]), (&json!(true), &json!([true, "malformed"])));
        assert_eq!(told["gone"], json!([false, { "done": true }]));
        // What is destructive was asked for when it was needed.
        let asked: Vec<_> =
            told["asked"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(asked.len(), 2, "{asked:?}");
        let has = |asked: &str| asked.split(' ').any(|scope| scope == "destructive");
        assert_eq!((has(asked[0]), has(asked[1])), (false, true), "{asked:?}");
    }
    let calls = calls(&server).await;
    let told: Vec<_> = calls.iter().rev().map(|call| (call.tool.as_str(), call.outcome.as_str())).collect();
    let once = [
        ("list", "done"),
        ("get_channel", "malformed"),
        ("create_channel", "done"),
        ("remove_channel", "forbidden"),
        ("remove_channel", "done"),
    ];
    assert_eq!(told, [once, once].concat());
    assert!(calls.iter().all(|call| call.by == "root" && call.program == "Helper" && call.ended_ms > 0));
}

#[tokio::test]
async fn the_sdk_for_javascript_finds_its_way_and_uses_tools() {
    let server = TestServer::with(ON).await;
    let program = register_as(&server, assistant(&server, ALL), "127.0.0.1").await;
    let mut node = Command::new("node");
    node.arg("assistant.mjs");
    let told = outside(node, &server, &program, &[("NAME", "root")]).await;
    assert_eq!((&told["server"], &told["unknown"]), (&json!("parlour"), &json!(-32_602)));
    assert!(told["instructions"].as_str().unwrap().contains("written by members"), "{told}");
    assert!(names(&told["tools"]).contains("list") && names(&told["channels"]).contains("General"));
    assert_eq!(told["gone"], json!([false, { "done": true }]));
    assert_eq!((told["first"].as_array().unwrap().len(), told["asked"].as_array().unwrap().len()), (1, 2));
    assert!(told["asked"][1].as_str().unwrap().contains("destructive"), "{told}");
}

/// Of the conformance suite of the protocol the cases that are about what the server has; what is about tools of its own, or about prompts
/// and resources, says so itself.
#[tokio::test]
async fn the_conformance_suite_finds_nothing_wrong() {
    let page = "https://voice.example";
    let server = TestServer::with(&[ON[0], ("web.public_address", page)]).await;
    let create =
        wire::CreateOauthClient { resources: vec![assistant_at(page)], ..assistant(&server, "view") };
    let program = register_as(&server, create, "127.0.0.1").await;
    let token = token_of(&server, &program, "root", &[("scope", "view")]).await;
    let before =
        ["server-initialize", "server-session-lifecycle", "ping", "tools-list", "dns-rebinding-protection"];
    let now =
        ["server-stateless", "tools-list", "caching", "http-header-validation", "dns-rebinding-protection"];
    let scenarios = json!({ "2025-11-25": before, "2026-07-28": now }).to_string();
    let mut node = Command::new("node");
    node.arg("conformance.mjs");
    let more = [("ORIGIN", page), ("TOKEN", token.as_str()), ("SCENARIOS", scenarios.as_str())];
    let told = outside(node, &server, &program, &more).await;
    let mut good = BTreeSet::new();
    for (revision, scenarios) in told.as_object().unwrap() {
        for (scenario, checks) in scenarios.as_object().unwrap() {
            for check in checks.as_array().unwrap() {
                let part = |at: usize| check[at].as_str().unwrap();
                let (id, status, words) = (part(0), part(1), part(2));
                let is_about_others =
                    ["Not testable", "prompts/", "resources/"].iter().any(|begin| words.starts_with(begin));
                assert!(status != "FAILURE" || is_about_others, "{revision} {scenario}: {check}");
                if status == "SUCCESS" {
                    good.insert(id.to_owned());
                }
            }
        }
    }
    for id in [
        "server-initialize",
        "tools-list-deterministic-order",
        "localhost-host-rebinding-rejected",
        "sep-2243-server-reject-error-code",
        "sep-2549-tools-list-caching-hints",
        "sep-2575-server-implements-discover",
        "sep-2575-http-server-method-not-found-404",
        "wire-schema-valid",
    ] {
        assert!(good.contains(id), "{id}: {good:?}");
    }
}
