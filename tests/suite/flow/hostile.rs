//! Templates that are made to take much: each ends soon, within its bound.

use std::time::{Duration, Instant};

use parlour::flow::{Scope, Template};
use serde_json::{Value, json};

fn made(source: &str) -> Result<Value, String> {
    let mut scope = Scope::new();
    scope.set("event", &json!({ "text": "a".repeat(4_000) }));
    scope.set("big", &json!(vec![json!({ "text": "x".repeat(200), "number": 3 }); 1_000]));
    let template = Template::of_text(source).map_err(|wrong| wrong.join("; "))?;
    template.render(&scope).map_err(|error| error.to_string())
}

/// What is hostile costs its bound: it ends soon, with an error.
#[test]
fn hostile_templates_cost_their_bound() {
    let nested = format!("{}x{}", "{% for a in range(1000) %}".repeat(5), "{% endfor %}".repeat(5));
    let many = "{{ big }}".repeat(400);
    let doubled = format!("{{{{ {} }}}}", ["big"; 90].join(" + "));
    let listed = format!("{{{{ [{}] | tojson }}}}", ["big"; 90].join(","));
    let joined = format!(
        "{{{{ ({}) | map(attribute='text') | join('{}') }}}}",
        ["big"; 50].join(" + "),
        "y".repeat(2_000)
    );
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(500), ")".repeat(500));
    let hostile = [
        nested.as_str(),
        &many,
        &doubled,
        &listed,
        &joined,
        &deep,
        "{% for a in big %}{% for b in big %}{{ a.text }}{% endfor %}{% endfor %}",
        "{{ event.text | replace('a', event.text) }}",
        "{{ event.text | replace('', event.text) }}",
        "{% for a in range(1000) %}{{ big | tojson | length }}{% endfor %}",
        "{% for a in range(1000) %}{{ big | sort(attribute='text') | length }}{% endfor %}",
        "{{ range(-9223372036854775807, 9223372036854775807) }}",
        "{{ range(0, 9223372036854775807, 9223372036854775806) | length + range(1001) | length }}",
        "{{ 9223372036854775807 | times(2) }}",
    ];
    for source in hostile {
        let began = Instant::now();
        let made = made(source);
        let took = began.elapsed();
        let short: String = source.chars().take(80).collect();
        assert!(made.is_err(), "{short}");
        assert!(took < Duration::from_secs(10), "{short} took {took:?}");
    }
    // As much as there may be is made.
    assert_eq!(
        made("{% for a in range(600) %}{{ big[0].text }}{% endfor %}")
            .map_err(|error| error.contains("64 KiB")),
        Err(true)
    );
    assert!(made("{% for a in range(300) %}{{ big[0].text }}{% endfor %}").is_ok());
}
