use super::*;

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Config, ConfigError> {
    let mut sources = Sources {
        environment: environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        flags: flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..Sources::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parlour.toml");
    std::fs::write(&path, file).unwrap();
    sources.file = Some(path);
    Config::load(&sources)
}

#[test]
fn defaults_are_valid_and_later_sources_win() {
    let config = load("", &[], &[]).unwrap();
    assert_eq!((config.max_sessions(), config.listen().len()), (1000, 2));
    assert!(config.listens_by_default());
    assert_eq!(config.recording_dir(), config.data_dir().join("recordings"));
    assert_eq!(config.recording_quota(), 2 << 30);
    let elsewhere = load("[recording]\ndirectory = \"/srv/voice\"\nquota_mib = 0\n", &[], &[]).unwrap();
    assert_eq!((elsewhere.recording_dir(), elsewhere.recording_quota()), ("/srv/voice".into(), 0));
    let file = "[limits]\nmax_sessions = 10\nidle_seconds = 60\n";
    let environment = [("PARLOUR_LIMITS_MAX_SESSIONS", "20"), ("PARLOUR_NAME", "Club"), ("HOME", "/x")];
    let config = load(file, &environment, &[("name", "Home")]).unwrap();
    assert_eq!((config.max_sessions(), config.idle_seconds(), config.name().as_str()), (20, 60, "Home"));
    let origins: Vec<_> = config.entries().map(|(key, _, origin)| (key.name, origin.to_string())).collect();
    assert!(origins.contains(&("limits.max_sessions", "$PARLOUR_LIMITS_MAX_SESSIONS".to_owned())));
    assert!(origins.contains(&("name", "--name".to_owned())));
    assert!(origins.contains(&("log", "default".to_owned())));
}

#[test]
fn unknown_keys_name_the_nearest() {
    let message = load("[limits]\nmax_session = 10\n", &[], &[]).unwrap_err().to_string();
    assert!(
        message
            .ends_with("sets `limits.max_session`, which is no setting; did you mean `limits.max_sessions`?"),
        "{message}"
    );
    let message = load("max_sessions = 10\n", &[], &[]).unwrap_err().to_string();
    assert!(message.ends_with("did you mean `limits.max_sessions`?"), "{message}");
    let message = load("", &[("PARLOUR_LISTENN", "x")], &[]).unwrap_err().to_string();
    assert!(message.ends_with("did you mean `PARLOUR_LISTEN`?"), "{message}");
    let message = load("zzz = 1\n", &[], &[]).unwrap_err().to_string();
    assert!(message.ends_with("`parlour config show` lists them all"), "{message}");
}

#[test]
fn what_kubernetes_says_of_a_service_is_passed_over_and_a_slip_of_the_pen_is_not() {
    let kubernetes = [
        ("PARLOUR_SERVICE_HOST", "10.0.0.7"),
        ("PARLOUR_SERVICE_PORT", "4848"),
        ("PARLOUR_SERVICE_PORT_VOICE", "4848"),
        ("PARLOUR_PORT", "udp://10.0.0.7:4848"),
        ("PARLOUR_PORT_4848_UDP", "udp://10.0.0.7:4848"),
        ("PARLOUR_PORT_4848_UDP_PROTO", "udp"),
        ("PARLOUR_PORT_4848_UDP_PORT", "4848"),
        ("PARLOUR_PORT_4848_UDP_ADDR", "10.0.0.7"),
        ("PARLOUR_WEB_SERVICE_HOST", "fd00::7"),
        ("PARLOUR_WEB_PORT", "tcp://[fd00::7]:443"),
        ("PARLOUR_WEB_PORT_443_TCP", "tcp://[fd00::7]:443"),
        ("PARLOUR_NAME", "Club"),
    ];
    assert_eq!(load("", &kubernetes, &[]).unwrap().name(), "Club");
    for slip in [
        ("PARLOUR_PORT", "4848"),
        ("PARLOUR_SERVICE_HOST", "voice.example.org"),
        ("PARLOUR_PORT_4848_UDP_ADR", "10.0.0.7"),
        ("PARLOUR_PORT_UDP", "4848"),
        ("PARLOUR_SERVICE_NAME", "Club"),
    ] {
        let refused = load("", &[slip], &[]);
        assert!(matches!(refused, Err(ConfigError::Unknown { .. })), "{slip:?}");
    }
}

#[test]
fn wrong_values_say_what_is_right() {
    for (file, end) in [
        (
            "[limits]\nmax_sessions = 0\n",
            "sets `limits.max_sessions` to 0; it must be a whole number from 1 to 100000",
        ),
        ("listen = [\"here\"]\n", "sets `listen` to [\"here\"]; it must be ADDRESS:PORT, one or more"),
        ("log_format = \"xml\"\n", "sets `log_format` to \"xml\"; it must be one of text, json"),
        ("[sessions]\nguests = 1\n", "sets `sessions.guests` to 1; it must be true or false"),
    ] {
        let message = load(file, &[], &[]).unwrap_err().to_string();
        assert!(message.ends_with(end), "{message}");
    }
    assert!(matches!(load("name = ", &[], &[]), Err(ConfigError::Syntax { .. })));
}

#[test]
fn secrets_are_in_effect_and_nowhere_shown() {
    let file = "[mail]\npassword = \"hunter2 and more\"\n";
    let config = load(file, &[("PARLOUR_WEB_METRICS_TOKEN", "sesame-open")], &[]).unwrap();
    assert_eq!(
        (config.mail_password(), config.metrics_token()),
        ("hunter2 and more".into(), "sesame-open".into())
    );
    let shown = config.entries().map(|(key, value, origin)| format!("{} {value} {origin}\n", key.name));
    let everything = shown.collect::<String>() + &format!("{config:?}");
    assert!(!everything.contains("hunter2") && !everything.contains("sesame"), "{everything}");
    assert!(everything.contains("mail.password (set, and not shown)"), "{everything}");
    // Nor where it is wrong.
    let wrong = load("[mail]\npassword = \"hunter2\\u001b\"\n", &[], &[]).unwrap_err();
    assert!(!format!("{wrong} {wrong:?}").contains("hunter2"), "{wrong}");
    let unended = load("name = \"Club\"\n[mail]\npassword = \"hunter2\n", &[], &[]).unwrap_err();
    let said = format!("{unended} {unended:?}");
    assert!(said.contains("line 3: ") && !said.contains("hunter2"), "{said}");
}

#[test]
fn the_public_address_is_where_e_mails_lead_unless_they_are_told_otherwise() {
    let config = load("[web]\npublic_address = \"voice.example.org\"\n", &[], &[]).unwrap();
    assert_eq!(config.mail_page(), "https://voice.example.org:4848");
    let elsewhere =
        load("[mail]\npage = \"https://x.org\"\n[web]\npublic_address = \"y.org\"\n", &[], &[]).unwrap();
    assert_eq!(elsewhere.mail_page(), "https://x.org");
    assert_eq!(load("", &[], &[]).unwrap().public_address(), None);
    let moved = load("listen = [\"0.0.0.0:5000\"]\n[web]\npublic_address = \"y.org\"\n", &[], &[]).unwrap();
    assert_eq!(moved.public_address().map(|public| public.server), Some("y.org:5000".to_owned()));
    assert!(load("[web]\npublic_address = \"parlour://y.org\"\n", &[], &[]).is_err());
}

#[test]
fn a_named_file_must_exist() {
    let sources = Sources { file: Some("/nonexistent/parlour.toml".into()), ..Sources::default() };
    assert!(matches!(Config::load(&sources), Err(ConfigError::Read { .. })));
}

#[test]
fn the_sample_file_is_the_table_and_its_defaults_hold() {
    let committed = include_str!("../../config/parlour.toml");
    assert_eq!(committed, sample(), "config/parlour.toml isn't what the table of settings renders");
    let uncommented: String = committed
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let (said, silent) = (load(&uncommented, &[], &[]).unwrap(), load("", &[], &[]).unwrap());
    for ((key, said, origin), (_, silent, _)) in said.entries().zip(silent.entries()) {
        assert_eq!(said, silent, "{}", key.name);
        assert!(matches!(origin, Origin::File(_)), "{} isn't in the sample", key.name);
    }
}

#[test]
fn providers_are_described_and_what_is_wrong_is_said_without_their_secrets() {
    let one =
        "[[log_in.providers]]\nid = \"work\"\nissuer = \"https://id.example\"\nclient_id = \"parlour\"\n";
    let config = load(&format!("{one}client_secret = \"hunter2\"\n"), &[], &[]).unwrap();
    let found = config.providers();
    assert_eq!((found[0].name.as_str(), found[0].secret(), found[0].creates), ("work", "hunter2", false));
    assert_eq!(found[0].scopes, ["openid", "profile", "email"]);
    let shown = config.entries().find(|(key, ..)| key.name == "log_in.providers").unwrap().1;
    assert_eq!(shown, "work (https://id.example)");
    assert!(!format!("{config:?}").contains("hunter2"));
    let inline = "[{ id = \"a\", issuer = \"http://127.0.0.1:1\", client_id = \"x\", groups_claim = \"g\", roles = { b = \"Member\" } }]";
    for environment in [&[("PARLOUR_LOG_IN_PROVIDERS", inline)][..], &[]] {
        let flags = if environment.is_empty() { &[("log_in.providers", inline)][..] } else { &[] };
        let found = load("", environment, flags).unwrap().providers();
        assert_eq!(found[0].roles, [("b".to_owned(), "Member".to_owned())]);
    }
    assert!(load("", &[("PARLOUR_LOG_IN_PROVIDERS", "")], &[]).unwrap().providers().is_empty());
    for (more, why) in [
        ("client_secret = 7\n", "of `work`, `client_secret` is text"),
        ("client_secret = \"hunter2\"\nclient_secret_file = \"x\"\n", "not both"),
        ("secret = \"hunter2\"\n", "`secret` is no setting; there are id, name"),
        ("scopes = [\"profile\"]\n", "`openid` is among them"),
        ("groups_claim = \"groups\"\n", "set both, or none"),
        ("roles = { a = 1 }\n", "is a table of groups"),
        ("create_accounts = \"yes\"\n", "true or false"),
        (one, "two of them have the id work"),
    ] {
        let message = load(&format!("{one}{more}"), &[], &[]).unwrap_err().to_string();
        assert!(message.contains(why) && !message.contains("hunter2"), "{more}: {message}");
    }
    for (text, why) in [
        (one.replace("https:", "http:"), "which begins with https://"),
        (one.replace("id.example", "id.example/?x"), "without ? and #"),
        (one.replace("\"work\"", "\"Work\""), "small letters"),
        (one.replace("client_id = \"parlour\"\n", ""), "`client_id` is missing"),
        ("log_in.providers = [1]".to_owned(), "below [[log_in.providers]]"),
    ] {
        let message = load(&text, &[], &[]).unwrap_err().to_string();
        assert!(message.contains(why), "{text}: {message}");
    }
}
