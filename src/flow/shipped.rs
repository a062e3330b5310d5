//! Flows that come with the program: what people want most, ready to be set up or to be changed.

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// Each by its name, with the text of its file.
        pub const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../config/flows/", $name, ".toml")))),*];
    };
}

shipped![
    "afk",
    "anti-flood",
    "empty-rooms",
    "follow-squad",
    "last-channel",
    "last-seen",
    "mass-move",
    "notify",
    "opening-hours",
    "private-room",
    "record-meeting",
    "roles-by-time",
    "support-waiting",
    "time-out",
    "welcome",
    "word-filter",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::flow::{Flow, check_links, read};

    #[test]
    fn every_flow_that_is_shipped_is_sound_and_fits_the_others() {
        let mut flows = BTreeMap::new();
        for (name, source) in SHIPPED {
            let flow = read(source).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
            let about = flow.about();
            assert_eq!(about.name, *name);
            assert!(
                !about.description.is_empty() && !about.examples.is_empty() && !about.tags.is_empty(),
                "{name}"
            );
            assert!(flow.parameters().iter().all(|parameter| !parameter.description.is_empty()), "{name}");
            flows.insert(*name, flow);
        }
        let find = |name: &str| match flows.get(name) {
            Some(Flow::Skill(skill)) => Some(Arc::new(skill.clone())),
            _ => None,
        };
        for (name, flow) in &flows {
            assert_eq!(check_links(flow, &find), [], "{name}");
        }
    }
}
