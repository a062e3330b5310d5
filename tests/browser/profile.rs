//! What people show of themselves in the page, and what follows them to another browser.

use image::{ImageFormat, Rgb, RgbImage};

use crate::stage::{Stage, run, sentence};
use crate::support::{self, Process};

#[test]
fn people_show_a_name_a_text_and_a_picture_and_what_they_chose_follows_them() {
    let home = Stage::enter();
    let server = support::parlour(home.path());
    let process = Process::serve_with(server, "127.0.0.1:0", &["--demo"]);
    let picture = home.path().join("me.png");
    // Too large to be sent as it is, and wider than high.
    let drawn = RgbImage::from_fn(1_600, 900, |x, y| Rgb([(x / 7) as u8, (y / 4) as u8, (x ^ y) as u8]));
    drawn.save_with_format(&picture, ImageFormat::Png).unwrap();
    let result = run(
        "profile.mjs",
        &[
            ("SERVER", process.address.to_string()),
            ("VOICE", sentence(0, home.path()).display().to_string()),
            ("PICTURE", picture.display().to_string()),
            ("OUT", home.path().display().to_string()),
            ("SHOTS", std::env::var("SCREENSHOTS").unwrap_or_default()),
        ],
        |word| panic!("{word}"),
    );
    println!("{result:#}");
    for nothing in ["violations", "errors"] {
        assert_eq!(result[nothing], serde_json::json!([]), "{nothing}");
    }
    for shown in ["own", "seen"] {
        assert_eq!(result[shown], serde_json::json!([512, 512]), "{shown}");
    }
    assert_eq!((&result["row"], &result["title"]), (&"Wonder alice".into(), &"Wonder".into()));
    assert_eq!(result["about"], "account alice\n\nSings, and\nplays.");
    assert_eq!(result["clears"], 0, "that is for those who look after accounts");
    assert!(result["imitates"].as_str().unwrap().contains("nobody confuses"), "{result}");
    assert!(result["unreadable"].as_str().unwrap().contains("PNG, JPEG, WebP or GIF"), "{result}");
    assert_eq!(result["volume"], "50");
}
