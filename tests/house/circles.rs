//! Files of a room that need each other in a circle: none of them can be read, moved or tested without all the others.
//!
//! A file needs another one of its room when it names what that one defines, wherever the name comes from: what a
//! `mod.rs` merely passes on belongs to the file that defines it, and passing on is no need. Tests don't count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::structure::{ROOT, sources};
use crate::tokens::{Import, Source, read};

/// A module by its path in the crate.
type Module = Vec<String>;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Module(Module),
    /// Something that this module's file defines.
    Item(Module),
}

/// All files of the crate, by their modules.
struct Sources {
    files: BTreeMap<Module, (String, Source)>,
}

/// Which file names what of which other one.
type Needs = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Sources {
    fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files = files.into_iter().map(|(path, text)| (module(&path), (path, read(&text))));
        let mut all: BTreeMap<Module, (String, Source)> = files.collect();
        let is_test = |module: &Module, all: &BTreeMap<Module, (String, Source)>| {
            (1..=module.len()).any(|end| {
                let parent = all.get(&module[..end - 1]);
                parent.is_some_and(|(_, parent)| parent.test_modules.contains(&module[end - 1]))
            })
        };
        let tests: Vec<Module> = all.keys().filter(|module| is_test(module, &all)).cloned().collect();
        all.retain(|module, _| !tests.contains(module));
        Self { files: all }
    }

    /// Where a path leads that stands in `from`; nowhere if it leaves the crate.
    fn find(&self, from: &Module, path: &[String], steps: usize) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(Vec::new()),
            "self" => Target::Module(from.clone()),
            "super" => Target::Module(from[..from.len().checked_sub(1)?].to_vec()),
            name => self.look_up(from, name, steps)?,
        };
        while let (Target::Module(module), Some((name, more))) = (&target, rest.split_first()) {
            target = match name.as_str() {
                "super" => Target::Module(module[..module.len().checked_sub(1)?].to_vec()),
                "self" => target,
                // What isn't found was made by a macro of that file.
                name => self.look_up(module, name, steps).unwrap_or_else(|| Target::Item(module.clone())),
            };
            rest = more;
        }
        Some(target)
    }

    fn look_up(&self, module: &Module, name: &str, steps: usize) -> Option<Target> {
        let child: Module = module.iter().cloned().chain([name.to_owned()]).collect();
        if self.files.contains_key(&child) {
            return Some(Target::Module(child));
        }
        let (_, source) = self.files.get(module)?;
        if source.defines.contains(name) {
            return Some(Target::Item(module.clone()));
        }
        let steps = steps.checked_sub(1)?;
        let named = source.imports.iter().filter(|import| import.name.as_deref() == Some(name));
        // A crate may have the name under which it is imported.
        let mut named = named.filter(|import| import.path != [name]);
        named.find_map(|import| self.find(module, &import.path, steps)).or_else(|| {
            let mut all = source.imports.iter().filter(|import| import.name.is_none());
            all.find_map(|import| match self.find(module, &import.path, steps)? {
                Target::Module(of) if of != *module => self.look_up(&of, name, steps),
                _ => None,
            })
        })
    }

    /// What each file of a room needs of the others.
    fn needs(&self, room: &str) -> Needs {
        let mut needs = Needs::new();
        let of_room = |module: &Module| module.first().is_some_and(|first| first == room);
        for (module, (file, source)) in self.files.iter().filter(|(module, _)| of_room(module)) {
            let mut note = |target: Option<Target>, name: &str| {
                let Some(Target::Item(of)) = target else { return };
                let to = &self.files[&of].0;
                if of_room(&of) && to != file {
                    let of = needs.entry(file.clone()).or_default().entry(to.clone()).or_default();
                    of.insert(name.to_owned());
                }
            };
            for path in &source.paths {
                note(self.find(module, path, STEPS), &path[path.len() - 1]);
            }
            for import in &source.imports {
                self.of_import(module, source, import, &mut note);
            }
        }
        needs
    }

    fn of_import(
        &self,
        module: &Module,
        source: &Source,
        import: &Import,
        note: &mut impl FnMut(Option<Target>, &str),
    ) {
        let Some(name) = &import.name else {
            // All of a module: what of it is named.
            let Some(Target::Module(of)) = self.find(module, &import.path, STEPS) else { return };
            for name in &source.mentions {
                note(self.look_up(&of, name, STEPS), name);
            }
            return;
        };
        let target = self.find(module, &import.path, STEPS);
        let of_child =
            matches!(&target, Some(Target::Item(of)) if of.len() > module.len() && of.starts_with(module));
        if !of_child || source.mentions.contains(name) {
            note(target, name);
        }
    }

    /// Each circle of a room, as its files in order.
    fn circles(&self, room: &str) -> Vec<Vec<String>> {
        let needs = self.needs(room);
        let reached: BTreeMap<_, _> = needs.keys().map(|file| (file, reach(&needs, file))).collect();
        let mut circles = BTreeSet::new();
        for (file, there) in &reached {
            let back = there.iter().filter(|to| reached.get(**to).is_some_and(|there| there.contains(file)));
            let circle: Vec<String> = back.map(|file| (*file).clone()).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    /// Who names what in a circle, a line for each two.
    fn explain(&self, room: &str, circle: &[String]) -> String {
        let needs = self.needs(room);
        let mut lines = vec![format!("a circle of {} files in `{room}`:", circle.len())];
        for file in circle {
            for (to, names) in needs[file].iter().filter(|(to, _)| circle.contains(to)) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                lines.push(format!("    {file} -> {to}: {}", names.join(", ")));
            }
        }
        lines.join("\n")
    }
}

/// All files that one needs, and that those need.
fn reach<'a>(needs: &'a Needs, from: &'a String) -> BTreeSet<&'a String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        next.extend(needs.get(file).into_iter().flat_map(BTreeMap::keys).filter(|to| seen.insert(*to)));
    }
    seen
}

/// How many imports are followed from one file to the next.
const STEPS: usize = 12;

fn module(path: &str) -> Module {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

#[test]
fn no_files_of_a_room_need_each_other_in_a_circle() {
    let mut files = Vec::new();
    sources(&Path::new(ROOT).join("src"), &mut files);
    let files = files.into_iter().map(|file| {
        let path = file.strip_prefix(ROOT).unwrap().to_str().unwrap().replace('\\', "/");
        (path, fs::read_to_string(&file).unwrap())
    });
    let sources = Sources::of(files.filter(|(path, _)| path != "src/main.rs"));
    let rooms: BTreeSet<&String> = sources.files.keys().filter_map(|module| module.first()).collect();
    assert!(rooms.len() > 10);
    let explained = |room: &String| {
        sources.circles(room).into_iter().map(|circle| sources.explain(room, &circle)).collect::<Vec<_>>()
    };
    let found: Vec<String> = rooms.into_iter().flat_map(explained).collect();
    assert!(found.is_empty(), "files that can only be read together:\n{}", found.join("\n"));
}

fn named(room: &str, files: &[&str]) -> Vec<String> {
    files.iter().map(|file| format!("src/{room}/{file}.rs")).collect()
}

/// What counts as a need, and what doesn't.
mod rules {
    use super::*;

    /// The circles of a room `a` that consists of these files.
    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let all = files.iter().map(|(path, text)| (format!("src/{path}.rs"), (*text).to_owned()));
        Sources::of(all.chain([("src/lib.rs".to_owned(), "pub mod a;".to_owned())])).circles("a")
    }

    const BOTH: &[&str] = &["b", "c"];

    #[test]
    fn a_circle_is_seen_by_every_way_to_a_name() {
        for (of_b, of_c) in [
            ("use super::c::C; pub struct B;", "use super::b::B; pub struct C;"),
            ("use crate::a::c::C; pub struct B;", "pub struct C; fn f() { crate::a::b::B::new() }"),
            ("use super::*; pub struct B(C);", "use super::{x::Y, b::{B as D}}; pub struct C;"),
            ("use super::C; pub struct B;", "use super::b; pub struct C; fn f() { b::B }"),
            ("use super::c::*; pub struct B; fn f(c: C) {}", "pub struct C; mod d { use crate::a::B; }"),
            ("made! { B } fn f() { super::c::g() }", "use super::b::B; pub fn g() {}"),
        ] {
            let root = "mod b; mod c; pub use b::B; use c::C;";
            let found = circles(&[("a/mod", root), ("a/b", of_b), ("a/c", of_c)]);
            assert_eq!(found, [named("a", BOTH)], "{of_b} {of_c}");
        }
    }

    #[test]
    fn a_parent_is_in_a_circle_with_a_child_only_if_it_uses_what_the_child_defines() {
        let child = "use super::A; pub struct B; impl A { fn f() {} }";
        let of = |root| circles(&[("a/mod", root), ("a/b", child)]);
        assert!(of("mod b; pub use b::B; pub struct A;").is_empty());
        assert_eq!(of("mod b; pub use b::B; pub struct A(B);"), [named("a", &["b", "mod"])]);
        assert_eq!(of("mod b; pub struct A; fn f() { b::B }"), [named("a", &["b", "mod"])]);
    }

    #[test]
    fn tests_comments_and_texts_need_nothing() {
        let of = |text| {
            let root = "mod b; mod c; #[cfg(test)] mod d; pub use c::C;";
            let of_d = "use super::{b::B, c::C}; pub struct D;";
            circles(&[
                ("a/mod", root),
                ("a/b", text),
                ("a/c", "use super::b::B; pub struct C;"),
                ("a/d", of_d),
            ])
        };
        assert!(!of("pub struct B(super::C);").is_empty());
        for nothing in [
            "pub struct B; #[cfg(test)] mod tests { use super::super::C; }",
            "pub struct B; #[cfg(test)] use super::d::D;",
            "// super::C\npub struct B; /* super::C /* { */ super::C */",
            "pub struct B; fn f() -> &'static str { \"super::C \\\" super::C\" }",
            "pub struct B; fn f() { (r#\"super::C \" super::C\"#, '\"', b'{') }",
            "pub struct B<'a>(&'a str); fn f(x: X) { x.super_::C }",
        ] {
            assert!(of(nothing).is_empty(), "{nothing}");
        }
        assert!(!of("fn f() -> char { '\"' } fn g<'a>() -> &'a super::C {} pub struct B;").is_empty());
    }
}
