use proptest::prelude::*;
use serde_json::json;

use super::read;
use crate::bounds::{MAX_FLOW_PROBLEMS, MAX_FLOW_SOURCE};
use crate::flow::{Action, BuiltIn, Flow, Missed, On, OnFailure, Overlap, SHIPPED, Template, Workflow};
use crate::permission::Permissions;

const GOOD: &str = r#"
[workflow]
name = "greeter"
overlap = "queue"
on_failure = "stop"
missed = "once"

[parameters.channel]
type = "channel"
required = true

[parameters.words]
type = "list"
of = "integer"
default = [1, 2]

[[triggers]]
on = "event"
event = ["arrived", "moved"]
when = "event.name == owner.name"
per = "event.session"
times = 3
within = "10s"

[[triggers]]
on = "event"
event = "moved"

[[triggers]]
on = "command"
command = "!greet"
arguments = ["channel"]
permission = "move others"

[[triggers]]
on = "cron"
cron = "30 2 * * *"
zone = "Europe/Berlin"
with = { words = [3] }

[[steps]]
do = "send_text"
with = { channel = "{{ input.channel }}", text = "Hello" }

[[steps]]
name = "all"
do = "move_session"
each = "input.words"
with = { session = "{{ item }}", channel = 0 }
undo = { do = "move_session", with = { session = "{{ item }}", channel = "{{ steps.step_1.output }}" } }
may_fail = true

[[steps]]
do = "create_role"
with = { name = "R", rank = 3, allow = ["view", "join"] }

[[steps]]
do = "plugin.greeter.greet"
with = { a = [{ b = "{{ 1 }}" }], at = 2026-01-31T12:00:00Z }
"#;

fn workflow(source: &str) -> Workflow {
    match read(source) {
        Ok(Flow::Workflow(workflow)) => workflow,
        Ok(Flow::Skill(_)) => panic!("a skill"),
        Err(problems) => panic!("{problems:#?}"),
    }
}

#[test]
fn a_file_is_read() {
    let flow = workflow(GOOD);
    assert_eq!((flow.overlap, flow.on_failure, flow.missed), (Overlap::Queue, OnFailure::Stop, Missed::Once));
    let names: Vec<_> = flow.triggers.iter().map(|trigger| trigger.name.as_str()).collect();
    assert_eq!(names, ["event", "event-2", "command", "cron"]);
    let pace = flow.triggers[0].pace.as_ref().unwrap();
    assert_eq!((pace.times, pace.within, pace.pause), (3, 10_000, 0));
    assert!(
        matches!(&flow.triggers[2].on, On::Command { permission, .. } if *permission == Permissions::MOVE_OTHERS)
    );
    let names: Vec<_> = flow.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["step_1", "all", "step_3", "step_4"]);
    assert!(matches!(flow.steps[1].with["session"], Template::Expression(_)));
    assert!(flow.steps[1].may_fail && flow.steps[1].undo.is_some() && flow.steps[1].line == 45);
    assert!(
        matches!(&flow.steps[3].action, Action::Plugin { plugin, function } if plugin == "greeter" && function == "greet")
    );
    let needed = Flow::Workflow(flow).needs().iter().fold(Permissions::NONE, |all, (one, _)| all.union(*one));
    assert!(needed.contains(Permissions::TEXT) && needed.contains(Permissions::MANAGE_ROLES));
}

/// The good file with something in another one's place, and what is told of it: `line:column key: message`.
fn told(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let problems = read(&GOOD.replacen(from, to, 1)).err().unwrap_or_default();
    problems.iter().map(|one| format!("{}:{} {}: {}", one.line, one.column, one.key, one.message)).collect()
}

/// What is put in another one's place, and what is told of it.
const WRONG: &[(&str, &str, &str)] = &[
    ("overlap =", "overlapp =", "4:1 workflow.overlapp: isn't known here; did you mean `overlap`?"),
    (
        "\"queue\"",
        "\"wait\"",
        "4:11 workflow.overlap: has the word \"wait\", which isn't known; there is `parallel`",
    ),
    ("name = \"greeter\"", "", "workflow.name: has to be said"),
    ("\"greeter\"", "\"Greeter\"", "3:8 workflow.name: must be a name"),
    (
        "[parameters.channel]",
        "[parametres.channel]",
        "8:2 parametres: isn't known here; did you mean `parameters`?",
    ),
    (
        "type = \"channel\"",
        "type = \"chanel\"",
        "9:8 parameters.channel.type: has the word \"chanel\", which isn't known; did you mean",
    ),
    ("required = true", "required = \"yes\"", "10:12 parameters.channel.required: must be true or false"),
    ("required = true", "min = 1", "10:1 parameters.channel.min: is for \"string\", \"integer\""),
    ("[1, 2]", "[1, \"b\"]", "15:11 parameters.words.default: must be a whole number"),
    (
        "\"arrived\"",
        "\"arived\"",
        "19:10 triggers[0].event[0]: has the word \"arived\", which isn't known; did you mean `arrived`?",
    ),
    (
        "event.name ==",
        "event.nam ==",
        "20:8 triggers[0].when: asks for `event.nam`, which isn't there; did you mean `name`?",
    ),
    (
        "event.name ==",
        "evnt.name ==",
        "triggers[0].when: asks for `evnt`, which isn't there; did you mean `event`?",
    ),
    ("event.name ==", "event.name =", "triggers[0].when: is no expression"),
    (
        "event.name ==",
        "steps.a ==",
        "triggers[0].when: asks for `steps`, which a skill and a trigger don't see",
    ),
    ("within = \"10s\"", "", "22:9 triggers[0].times: needs `within`"),
    ("times = 3", "times = 1", "triggers[0].times: must be a number from 2 to 100"),
    ("event = \"moved\"", "cron = \"* * * * *\"", "27:1 triggers[1].cron: is for \"cron\" only"),
    ("event = \"moved\"", "", "triggers[1].event: has to be said"),
    (
        "command = \"!greet\"",
        "command = \"greet\"",
        "triggers[2].command: must be one word of 2 to 32 characters that begins with a sign",
    ),
    (
        "arguments = [\"channel\"]",
        "arguments = [\"chanel\"]",
        "triggers[2].arguments[0]: names a parameter that isn't there; did you mean `channel`?",
    ),
    (
        "\"move others\"",
        "\"move other\"",
        "triggers[2].permission: has the word \"move other\", which isn't known; did you mean `move others`?",
    ),
    ("30 2 * * *", "30 2 * *", "triggers[3].cron: is no cron expression"),
    ("Europe/Berlin", "Berlin", "triggers[3].zone: is no time zone"),
    ("words = [3]", "words = [\"x\"]", "triggers[3].with.words[0]: must be a whole number"),
    ("words = [3]", "word = [3]", "39:10 triggers[3].with.word: isn't known; did you mean `words`?"),
    (
        "\"send_text\"",
        "\"send-text\"",
        "42:6 steps[0].do: is \"send-text\", which isn't known; did you mean `send_text`?",
    ),
    (
        "\"send_text\"",
        "\"join\"",
        "steps[0].do: is an operation that is about the voice of a connected session, which a flow hasn't",
    ),
    (
        "\"send_text\"",
        "\"change_password\"",
        "steps[0].do: is an operation that is for a person who comes themselves",
    ),
    (
        "\"send_text\"",
        "\"log_in_password\"",
        "steps[0].do: is an operation that is for those who aren't logged in yet",
    ),
    ("text = \"Hello\"", "txt = \"Hello\"", "steps[0].with.txt: isn't known; did you mean `text`?"),
    (
        "text = \"Hello\"",
        "text = \"{{ input.chanel }}\"",
        "steps[0].with.text: asks for `input.chanel`, which isn't there; did you mean `channel`?",
    ),
    (
        "text = \"Hello\"",
        "text = \"{{ steps.all.output }}\"",
        "steps[0].with.text: asks for `steps.all`, which isn't done yet",
    ),
    (
        "text = \"Hello\"",
        "text = \"{{ item }}\"",
        "steps[0].with.text: asks for `item`, which is there with `each` only",
    ),
    (
        "text = \"Hello\"",
        "text = \"{{ 1 | lowr }}\"",
        "steps[0].with.text: has the filter `lowr`, which flows don't have; did you mean `lower`?",
    ),
    ("text = \"Hello\"", "text = \"{% set a = 1 %}\"", "steps[0].with.text: has the tag `{% set %}`"),
    ("channel = 0", "channel = \"Lobby\"", "steps[1].with.channel: must be a number, such as an identifier"),
    ("session = \"{{ item }}\", channel = 0", "channel = 0", "45:1 steps[1].with.session: has to be given"),
    ("rank = 3", "rank = \"high\"", "steps[2].with.rank: must be a whole number from 0 on"),
    (
        "\"join\"]",
        "\"jion\"]",
        "steps[2].with.allow[1]: has \"jion\", which is no permission; did you mean `join`?",
    ),
    ("plugin.greeter.greet", "plugin.greeter", "steps[3].do: must name a plugin's function"),
    ("at = 2026-01-31T12:00:00Z", "at = 2026-01-31", "steps[3].with.at: must be a whole time"),
];

#[test]
fn what_is_wrong_is_told_with_its_place_and_with_what_to_do() {
    for (from, to, wanted) in WRONG {
        let told = told(from, to);
        assert!(told.iter().any(|one| one.contains(wanted)), "{from} -> {to}:\n{told:#?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let source = GOOD
        .replace("\"queue\"", "\"wait\"")
        .replace("within = \"10s\"", "within = 10")
        .replace("\"send_text\"", "\"send\"");
    let problems = read(&source).unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [4, 23, 42], "{problems:#?}");
    assert_eq!(
        problems[1].to_string(),
        "line 23, column 10, `triggers[0].within`: must be a length of time like \"10m\", of 1d at most"
    );
}

#[test]
fn what_follows_from_something_wrong_is_not_told_as_well() {
    // What an event has isn't known where its word isn't, nor is a parameter missing that isn't right.
    let source = GOOD
        .replacen("\"arrived\"", "\"arived\"", 1)
        .replace("text = \"Hello\"", "text = \"{{ event.what }}\"");
    assert_eq!(read(&source).unwrap_err().len(), 1);
    let problems = read(&GOOD.replace("type = \"channel\"", "type = \"chanel\"")).unwrap_err();
    assert!(problems.iter().all(|problem| !problem.message.contains("input.channel")), "{problems:#?}");
}

#[test]
fn what_is_no_flow_is_told_so() {
    for (source, wanted) in [
        ("", "has to begin with [workflow] or [skill]"),
        ("[workflow]\nname = \"a\"\n[skill]\nname = \"a\"\n", "a file says one of both"),
        ("[workflow]\nname = \"a\"\n", "[[steps]] says what the workflow does"),
        ("[workflow]\nname = \"a\"\n", "[[triggers]] says when the workflow runs"),
        ("[skill]\nname = \"a\"\n", "[step] says what the skill does"),
        ("[skill]\nname = \"a\"\n[[steps]]\ndo = \"list\"\n", "a skill has one step"),
        (
            "[skill]\nname = \"a\"\n[step]\ndo = \"list\"\neach = \"[1]\"\n",
            "the step that uses the skill may have it",
        ),
        (
            "[skill]\nname = \"a\"\n[step]\ndo = \"list\"\nwhen = \"event.at\"\n",
            "give it what it needs by a parameter",
        ),
        (
            "[skill]\nname = \"a\"\n[parameters.key]\ntype = \"secret\"\ndefault = \"x\"\n",
            "whoever reads the flow",
        ),
        (
            "[workflow]\nname = \"a\"\n[parameters.key]\ntype = \"secret\"\n[[triggers]]\non = \"webhook\"\nwith = { key = \"x\" }\n",
            "its owner sets it",
        ),
        (
            "[workflow]\nname = \"a\"\n[parameters.key]\ntype = \"secret\"\n[[triggers]]\non = \"command\"\ncommand = \"!a\"\narguments = [\"key\"]\n",
            "its owner sets it",
        ),
        ("workflow = 3\n", "must be a table"),
        ("[workflow\nname = 3", "this isn't TOML"),
        ("[workflow]\nname = \"a\"\nname = \"b\"\n", "this isn't TOML"),
    ] {
        let problems = read(source).unwrap_err();
        assert!(problems.iter().any(|problem| problem.message.contains(wanted)), "{source}:\n{problems:#?}");
    }
    assert!(read(&" ".repeat(MAX_FLOW_SOURCE + 1)).unwrap_err()[0].message.contains("65536 bytes"));
}

#[test]
fn a_file_has_as_much_as_it_may_have_and_no_more() {
    let head = "[workflow]\nname = \"a\"\n[[triggers]]\non = \"hand\"\n";
    let step = "[[steps]]\ndo = \"list\"\n";
    assert!(read(&format!("{head}{}", step.repeat(32))).is_ok());
    assert!(read(&format!("{head}{}", step.repeat(33))).unwrap_err()[0].message.contains("1 to 32"));
    let deep = |depth: usize| {
        let value = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        format!("{head}[[steps]]\ndo = \"value\"\nwith = {{ value = {value} }}\n")
    };
    assert!(read(&deep(15)).is_ok());
    assert!(read(&deep(16)).unwrap_err()[0].message.contains("nested deeper than 16"));
    assert!(read(&deep(2_000)).is_err());
    let worked = |count: usize| {
        let values = "\"{{ now }}\", ".repeat(count);
        format!("{head}[[steps]]\ndo = \"value\"\nwith = {{ value = [{values}] }}\n")
    };
    assert!(read(&worked(32)).is_ok());
    assert!(read(&worked(33)).unwrap_err()[0].message.contains("more than 32 templates"));
    let wrong = "[[steps]]\nx = 1\n".repeat(30);
    let many: Vec<String> = (0..200).map(|number| format!("k{number} = 1\n")).collect();
    let problems = read(&format!("{head}{wrong}{}", many.concat())).unwrap_err();
    assert_eq!(problems.len(), MAX_FLOW_PROBLEMS);
}

#[test]
fn an_example_gives_what_has_to_be_given() {
    let source = format!("{GOOD}\n[[examples]]\ntitle = \"Without\"\ninput = {{ words = [1, 2] }}\n");
    let problems = read(&source).unwrap_err();
    assert!(
        problems[0].key == "examples[0].input" && problems[0].message.contains("`channel` has to be given"),
        "{problems:?}"
    );
    let source = format!("{GOOD}\n[[examples]]\ntitle = \"With\"\ninput = {{ channel = \"Lobby\" }}\n");
    assert_eq!(workflow(&source).about.examples[0].input["channel"], json!("Lobby"));
}

#[test]
fn a_wait_says_how_long_or_until_when() {
    let head = "[workflow]\nname = \"a\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"wait\"\n";
    assert!(read(&format!("{head}with = {{ for = \"10m\" }}\n")).is_ok());
    for bad in ["", "with = { for = \"10m\", until = \"{{ now }}\" }\n", "with = { for = \"31d\" }\n"] {
        assert!(read(&format!("{head}{bad}")).is_err(), "{bad}");
    }
    let flow = workflow(&format!("{head}with = {{ until = \"{{{{ now | later('1h') }}}}\" }}\n"));
    assert_eq!(flow.steps[0].action, Action::BuiltIn(BuiltIn::Wait));
}

proptest! {
    /// No text is too odd, and what is told of it is in it.
    #[test]
    fn no_file_is_too_odd(source in "(\\[{1,2}(workflow|steps|triggers|parameters\\.a|x)\\]{1,2}\n|[a-z_]{1,8} = (\"[^\"\\\\\n]{0,20}\"|[0-9]{1,4}|\\[.{0,8}\\])\n){0,30}") {
        if let Err(problems) = read(&source) {
            let lines = source.lines().count() + 1;
            prop_assert!(!problems.is_empty() && problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
        }
    }

    /// A shipped flow in which one line is gone, or stands twice, is read or refused, with problems that say where.
    #[test]
    fn a_flow_that_is_damaged_is_refused_in_words(flow in 0..SHIPPED.len(), line in 0_usize..200, twice: bool) {
        let lines: Vec<&str> = SHIPPED[flow].1.lines().collect();
        let line = line % lines.len();
        let mut damaged = lines.clone();
        if twice { damaged.insert(line, lines[line]); } else { damaged.remove(line); }
        if let Err(problems) = read(&damaged.join("\n")) {
            prop_assert!(problems.iter().all(|problem| problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty()));
        }
    }
}
