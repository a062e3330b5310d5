//! What flows are together: which skills a flow uses, and what it needs of its owner.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::definition::{About, Action, Ended, Flow, Skill, Step};
use super::parameter::Parameter;
use super::problem::{Problem, meant};
use crate::bounds::MAX_FLOW_DEPTH;
use crate::permission::Permissions;

impl Flow {
    /// What a catalogue shows of it.
    pub fn about(&self) -> &About {
        match self {
            Self::Skill(skill) => &skill.about,
            Self::Workflow(workflow) => &workflow.about,
        }
    }

    /// What it is given.
    pub fn parameters(&self) -> &[Parameter] {
        match self {
            Self::Skill(skill) => &skill.parameters,
            Self::Workflow(workflow) => &workflow.parameters,
        }
    }

    /// What it does, one after the other.
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Skill(skill) => std::slice::from_ref(&skill.step),
            Self::Workflow(workflow) => &workflow.steps,
        }
    }

    /// The skills that its steps use, by their names.
    pub fn skills(&self) -> BTreeSet<&str> {
        self.steps().iter().filter_map(|step| step.action.skill()).collect()
    }

    /// The permissions that its steps need, each with the name of a step; without those of the skills that it uses. Where it needs them is
    /// known when it runs.
    pub fn needs(&self) -> Vec<(Permissions, &str)> {
        let mut needs: Vec<(Permissions, &str)> = Vec::new();
        for step in self.steps() {
            let undo = step.undo.as_ref().map(|undo| &undo.action);
            for action in std::iter::once(&step.action).chain(undo) {
                if let Action::Operation(operation) = action
                    && !operation.needs.is_empty()
                    && !needs.iter().any(|(known, _)| *known == operation.needs)
                {
                    needs.push((operation.needs, &step.name));
                }
            }
        }
        needs
    }
}

impl Action {
    /// The name of the skill that it is.
    pub fn skill(&self) -> Option<&str> {
        match self {
            Self::Skill(name) => Some(name),
            _ => None,
        }
    }
}

impl Ended {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Completed, Self::Failed, Self::RolledBack, Self::Cancelled];

    /// Its word in a file, and in a run.
    pub fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Cancelled => "cancelled",
        }
    }

    /// The one of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ended| ended.word() == word)
    }
}

/// Holds a flow against the skills that it uses, which `find` looks up: they have to be there, to be given what they need and nothing else,
/// and not to use each other in a circle or deeper than [`MAX_FLOW_DEPTH`].
pub fn check_links(flow: &Flow, find: &dyn Fn(&str) -> Option<Arc<Skill>>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_skill = matches!(flow, Flow::Skill(_));
    for (place, step) in flow.steps().iter().enumerate() {
        let Some(name) = step.action.skill() else { continue };
        let key = if is_skill { "step".to_owned() } else { format!("steps[{place}]") };
        let mut tell = |key: String, message: String| {
            problems.push(Problem { line: step.line, column: 1, key, message });
        };
        let Some(skill) = find(name) else {
            let first =
                format!("add it first (`parlour flow add {name}.toml`), or check both files together");
            tell(format!("{key}.do"), format!("uses the skill `{name}`, which isn't there; {first}"));
            continue;
        };
        for given in
            step.with.keys().filter(|given| !skill.parameters.iter().any(|known| known.name == **given))
        {
            let meant = meant(given, skill.parameters.iter().map(|known| known.name.as_str()));
            tell(format!("{key}.with.{given}"), format!("is no parameter of the skill `{name}`{meant}"));
        }
        for missing in
            skill.parameters.iter().filter(|known| known.required && !step.with.contains_key(&known.name))
        {
            let what = missing.kind.wanted();
            tell(
                format!("{key}.with.{}", missing.name),
                format!("has to be given to the skill `{name}`: {what}"),
            );
        }
        let mut seen = vec![flow.about().name.clone()];
        if !is_skill {
            seen.clear();
        }
        let mut next = Some(skill);
        while let Some(skill) = next {
            if seen.contains(&skill.about.name) {
                tell(
                    format!("{key}.do"),
                    format!("uses skills in a circle: {} uses itself in the end", skill.about.name),
                );
                break;
            }
            seen.push(skill.about.name.clone());
            if seen.len() > MAX_FLOW_DEPTH {
                tell(
                    format!("{key}.do"),
                    format!("uses skills that use skills, more than {MAX_FLOW_DEPTH} deep"),
                );
                break;
            }
            next = skill.step.action.skill().and_then(find);
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::read;

    fn skill(name: &str, uses: Option<&str>) -> Arc<Skill> {
        let does = uses.map_or("list".to_owned(), |uses| format!("skill.{uses}"));
        let source = format!(
            "[skill]\nname = \"{name}\"\n[parameters.text]\ntype = \"string\"\n{}[step]\ndo = \"{does}\"\n",
            if uses.is_none() { "required = true\n" } else { "" }
        );
        match read(&source) {
            Ok(Flow::Skill(skill)) => Arc::new(skill),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn skills_are_there_and_are_given_what_they_need_and_use_each_other_in_no_circle() {
        let find = |name: &str| match name {
            "plain" => Some(skill("plain", None)),
            "round" => Some(skill("round", Some("about"))),
            "about" => Some(skill("about", Some("round"))),
            "a" | "b" | "c" | "d" => {
                let next = match name {
                    "a" => "b",
                    "b" => "c",
                    "c" => "d",
                    _ => "plain",
                };
                Some(skill(name, Some(next)))
            }
            _ => None,
        };
        let told = |does: &str, with: &str| {
            let head = "[workflow]\nname = \"w\"\n[[triggers]]\non = \"hand\"\n[[steps]]\n";
            let flow = read(&format!("{head}do = \"skill.{does}\"\nwith = {{ {with} }}\n")).unwrap();
            let problems = check_links(&flow, &find);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(told("plain", "text = \"a\""), "");
        assert_eq!(
            told("plain", ""),
            "line 5, column 1, `steps[0].with.text`: has to be given to the skill `plain`: a text"
        );
        assert!(told("plain", "txt = 1, text = \"a\"").contains("did you mean `text`?"));
        assert!(told("nothing", "").contains("uses the skill `nothing`, which isn't there"));
        assert!(told("round", "").contains("in a circle"));
        assert!(told("a", "").contains("more than 4 deep"));
        assert_eq!(told("b", ""), "");
    }
}
