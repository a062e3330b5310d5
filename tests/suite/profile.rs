//! What people show of themselves: who sees and changes it, what becomes of a picture, and what follows them from device to
//! device.

use std::time::Duration;

use crate::element::hide;
use crate::support::{PASSWORD, TestServer, as_profile, channel_id, code, with};
use image::{DynamicImage, ImageFormat, RgbImage};
use parlour::client::{Credentials, Person};
use parlour::permission::Permissions;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, event, request, response};
use tokio::sync::broadcast::Receiver;

fn named(name: &str) -> Person {
    Person::Named(name.to_owned())
}

/// A picture of one colour, as a file.
pub(crate) fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = RgbImage::from_pixel(width, height, image::Rgb([10, 120, 200]));
    DynamicImage::ImageRgb8(picture).write_to(&mut file, format).unwrap();
    file.into_inner()
}

async fn next<T>(events: &mut Receiver<event::Body>, wanted: impl Fn(&event::Body) -> Option<T>) -> T {
    let next = async {
        loop {
            if let Some(found) = wanted(&events.recv().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), next).await.unwrap()
}

fn profile_of(body: &event::Body) -> Option<u64> {
    if let event::Body::ProfileChanged(changed) = body { Some(changed.user) } else { None }
}

#[tokio::test]
async fn people_show_a_name_and_a_text_and_whoever_sees_them_is_told() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    let guest = with(&server, Credentials::guest("eve", "test")).await.unwrap();
    let (mut of_bob, mut of_guest) = (bob.events(), guest.events());
    let set = alice.set_profile(Some("Wonder"), Some("sings\nand plays")).await.unwrap();
    let user = alice.logged_in().user;
    let expected = wire::Profile {
        user,
        name: "alice".to_owned(),
        display_name: "Wonder".to_owned(),
        about: "sings\nand plays".to_owned(),
        picture: String::new(),
    };
    assert_eq!(set, expected);
    for events in [&mut of_bob, &mut of_guest] {
        assert_eq!(next(events, profile_of).await, user);
    }
    for session in [&root, &alice, &bob, &guest] {
        assert_eq!(session.profile(Person::Session(alice.id())).await.unwrap(), expected);
        assert_eq!(session.profile(named("ALICE")).await.unwrap(), expected);
    }
    // Several at once: those who show anything, each once.
    let sessions = [guest.id(), alice.id(), bob.id(), alice.id(), parlour::id::SessionId(u64::MAX)];
    assert_eq!(guest.profiles(&sessions).await.unwrap(), std::slice::from_ref(&expected));
    assert_eq!(code(bob.profiles(&[alice.id(); 33]).await), ErrorCode::Malformed);
    // What isn't named stays.
    assert_eq!(alice.set_profile(None, Some("")).await.unwrap().display_name, "Wonder");
    // Nobody passes for somebody else, as a person or as a guest.
    assert_eq!(code(bob.set_profile(Some("wonder"), None).await), ErrorCode::NameTaken);
    bob.set_profile(Some("BOB"), None).await.unwrap();
    for name in ["bob", "b\u{43e}b"] {
        assert_eq!(code(alice.set_profile(Some(name), None).await), ErrorCode::NameTaken, "{name}");
    }
    let imitator = with(&server, Credentials::guest("w\u{43e}nder", "test")).await;
    assert_eq!(code(imitator), ErrorCode::NameTaken);
    for (name, text) in
        [(Some("a@b"), None), (None, Some("\u{1b}[2J")), (None, Some("x".repeat(1_001).as_str()))]
    {
        let refused = code(alice.set_profile(name, text).await);
        assert!(
            matches!(refused, ErrorCode::NameInvalid | ErrorCode::Malformed),
            "{name:?} {text:?}: {refused:?}"
        );
    }
    assert_eq!(code(guest.set_profile(Some("Eve"), None).await), ErrorCode::Forbidden);
    assert_eq!(code(guest.profile(Person::Own).await), ErrorCode::Forbidden);
    assert_eq!(code(bob.profile(Person::Session(guest.id())).await), ErrorCode::NoSuchUser);
    // Whoever isn't connected is there for those who look after accounts only.
    let helper = root.create_role("Helper", 20, 0, Permissions::MANAGE_USERS).await.unwrap();
    root.grant_role("bob", helper, None).await.unwrap();
    for name in ["carol", "nobody"] {
        assert_eq!(code(alice.profile(named(name)).await), ErrorCode::NoSuchUser);
    }
    assert_eq!(bob.profile(named("carol")).await.unwrap().name, "carol");
    assert_eq!(code(bob.profile(named("nobody")).await), ErrorCode::NoSuchUser);
    // They may have somebody of a lower rank show nothing.
    assert_eq!(code(alice.clear_profile("bob").await), ErrorCode::Forbidden);
    assert_eq!(code(bob.clear_profile("root").await), ErrorCode::Outranked);
    bob.clear_profile("alice").await.unwrap();
    let bare = wire::Profile { display_name: String::new(), about: String::new(), ..expected };
    assert_eq!(alice.profile(Person::Own).await.unwrap(), bare);
    let read =
        wire::ReadAudit { subject: "profile".to_owned(), by: "bob".to_owned(), ..wire::ReadAudit::default() };
    let response::Body::AuditTrail(trail) = root.request(request::Body::ReadAudit(read)).await.unwrap()
    else {
        panic!("no trail");
    };
    assert!(
        trail.entries.iter().any(|entry| entry.verb == "delete" && entry.before.contains("Wonder")),
        "{trail:?}"
    );
}

/// The answer of the page's address to a path: its first line with its headers, and what it holds.
pub(crate) async fn fetch(server: &TestServer, path: &str) -> (String, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = server.server.addresses()[0];
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (tls, _) = parlour::transport::tls_client(None, &[b"http/1.1"]).unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
}

#[tokio::test]
async fn a_picture_is_made_anew_and_is_there_under_its_hash_until_another_one_is() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let (mut sent, script) = (picture(900, 600, ImageFormat::Png), b"<script>alert(1)</script>");
    sent.extend(script);
    let path = alice.set_picture(sent).await.unwrap().picture;
    assert_eq!(root.profile(named("alice")).await.unwrap().picture, path);
    let (head, file) = fetch(&server, &path).await;
    for line in [
        "http/1.1 200",
        "content-type: image/jpeg",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; sandbox\r\n",
        "cache-control: private, max-age=31536000, immutable",
        "cross-origin-resource-policy: cross-origin",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert_eq!(head.matches("content-security-policy").count(), 1, "{head}");
    let shown = image::load_from_memory_with_format(&file, ImageFormat::Jpeg).unwrap();
    assert_eq!((shown.width(), shown.height()), (512, 512));
    assert!(!file.windows(script.len()).any(|part| part == script));
    // Another person's, another hash, and what isn't a number have nothing.
    let user = alice.logged_in().user;
    let wrong = path.replace(&format!("/{user}/"), "/1/");
    for path in
        [wrong, path.replace(".jpg", ".png"), format!("/picture/{user}/"), "/picture/x/y.jpg".to_owned()]
    {
        let (head, _) = fetch(&server, &path).await;
        assert!(!head.starts_with("http/1.1 200") || !head.contains("image/"), "{path}: {head}");
    }
    let hostile = [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        picture(64, 64, ImageFormat::Png)[..60].to_vec(),
        picture(2_100, 8, ImageFormat::Png),
    ];
    for sent in hostile {
        assert_eq!(code(alice.set_picture(sent).await), ErrorCode::Malformed);
    }
    assert_eq!(code(alice.set_picture(vec![0; 48_001]).await), ErrorCode::TooLarge);
    assert_eq!(alice.profile(Person::Own).await.unwrap().picture, path, "what was refused changed something");
    let other = alice.set_picture(picture(40, 40, ImageFormat::Gif)).await.unwrap().picture;
    assert_ne!(other, path);
    assert!(!fetch(&server, &path).await.0.starts_with("http/1.1 200"));
    assert_eq!(alice.set_picture(Vec::new()).await.unwrap().picture, "");
    assert!(!fetch(&server, &other).await.0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn preferences_and_favourites_follow_a_person_and_nobody_else() {
    let server = TestServer::start().await;
    let (root, phone, desk) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("alice").await);
    let mut told = desk.events();
    let changed = |body: &event::Body| {
        if let event::Body::PreferenceChanged(changed) = body { Some(changed.name.clone()) } else { None }
    };
    phone.set_preference("page.theme", "dark").await.unwrap();
    assert_eq!(next(&mut told, changed).await, "page.theme");
    let (general, secret) =
        (channel_id(&root, "General"), root.create_channel(None, "Secret").await.unwrap());
    phone.set_favourite(general, true).await.unwrap();
    phone.set_favourite(secret, true).await.unwrap();
    assert_eq!(next(&mut told, changed).await, "");
    let found = desk.preferences().await.unwrap();
    let kept = wire::Preference { name: "page.theme".to_owned(), value: "dark".to_owned() };
    assert_eq!((found.preferences, found.favourites), (vec![kept], vec![general.0, secret.0]));
    assert_eq!(root.preferences().await.unwrap(), wire::Preferences::default());
    hide(&root, secret).await;
    assert_eq!(phone.preferences().await.unwrap().favourites, [general.0]);
    assert_eq!(code(phone.set_favourite(secret, true).await), ErrorCode::NoSuchChannel);
    phone.set_favourite(secret, false).await.unwrap();
    phone.set_preference("page.theme", "").await.unwrap();
    assert_eq!(phone.preferences().await.unwrap().preferences, []);
    for (name, value) in [
        ("Page", "1".to_owned()),
        ("page", "x".repeat(4_097)),
        ("account.notice", String::new()),
        ("account.notice", "be calm".to_owned()),
    ] {
        assert_eq!(code(phone.set_preference(name, &value).await), ErrorCode::Malformed);
    }
    let key = phone.create_api_key("bot", Permissions::VIEW, None).await.unwrap().key;
    let bot = with(&server, Credentials::api_key(&key)).await.unwrap();
    assert_eq!(code(bot.preferences().await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn the_command_shows_and_sets_a_profile() {
    let server = TestServer::start().await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("me.png");
    std::fs::write(&file, picture(3_000, 2_500, ImageFormat::Png)).unwrap();
    let run = async |args: &[&str], input: &'static str| {
        let (home, args) =
            (home.path().to_owned(), args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>());
        let run = move || {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            as_profile(&home, "alice", &args, input)
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let address = server.address().to_string().replacen("//", "//alice@", 1);
    run(&["login", &address, "--password-stdin"], PASSWORD).await;
    let set = run(&["profile", "set", "--name", "Wonder", "--about", "sings"], "").await;
    assert_eq!((&set[0]["display_name"], &set[0]["about"]), (&"Wonder".into(), &"sings".into()), "{set:?}");
    let shown = run(&["profile", "picture", file.to_str().unwrap()], "").await;
    let path = shown[0]["picture"].as_str().unwrap().to_owned();
    assert!(fetch(&server, &path).await.0.starts_with("http/1.1 200"), "{shown:?}");
    let gone = run(&["profile", "picture", "--remove"], "").await;
    assert!(gone[0]["picture"].is_null() && gone[0]["display_name"] == "Wonder", "{gone:?}");
    let other = run(&["profile", "show", "nobody"], "").await;
    assert_eq!(other[0]["error"]["code"], "no-such-user", "{other:?}");
}
