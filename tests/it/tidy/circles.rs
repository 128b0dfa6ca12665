//! No circles of imports between the library's files, except between a module and its own children.
//!
//! The graph has a node for each module, which is one file, and an edge for each import. An import
//! leads to the module that defines the item: `use crate::store::Listing` leads to `store::listing`
//! if `store` has `pub use self::listing::Listing`. So a module that only re-exports what its
//! children define connects nothing. Tests are left out.
//!
//! A module and its direct children may import each other: they are read together. A circle that goes
//! further, to a grandchild or to another folder, is a defect.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{LIBRARY, Source, assert_none, below_root, is_word, sources};

/// The path of a module from the root of the library: `store`, `s3`, `list`.
type ModulePath = Vec<String>;

/// The modules of the library.
#[derive(Default)]
struct Modules {
    /// What each module imports: absolute paths of items or modules, and whether it re-exports them.
    imports: BTreeMap<ModulePath, Vec<Import>>,
    /// What the name of a re-export stands for, by the module that has it.
    exports: BTreeMap<(ModulePath, String), ModulePath>,
}

struct Import {
    path: ModulePath,
    is_export: bool,
}

impl Modules {
    fn read(sources: &[Source]) -> Modules {
        let files: Vec<(ModulePath, &Source)> = sources
            .iter()
            .filter(|source| !matches!(source.module.as_str(), "lib" | "main" | "cli"))
            .filter(|source| !source.is_test)
            .map(|source| (module_path(source), source))
            .collect();
        let names: BTreeSet<ModulePath> = files.iter().map(|(module, _)| module.clone()).collect();
        let mut modules = Modules::default();
        for (module, source) in files {
            let mut imports = Vec::new();
            for (path, is_export) in paths(source) {
                let Some(path) = absolute(&module, &path, &names) else { continue };
                if let (true, Some(name)) = (is_export, path.last()) {
                    modules.exports.insert((module.clone(), name.clone()), path.clone());
                }
                imports.push(Import { path, is_export });
            }
            modules.imports.insert(module, imports);
        }
        modules
    }

    /// The module that defines the item with this path, after all re-exports.
    fn definer(&self, path: &[String]) -> Option<ModulePath> {
        const STEPS_MAX: usize = 10;
        let mut path = path.to_vec();
        for _ in 0..STEPS_MAX {
            let (module, rest) = self.split(&path)?;
            let export =
                rest.first().and_then(|name| self.exports.get(&(module.clone(), name.clone())));
            match export {
                Some(target) => path = [target.as_slice(), &rest[1..]].concat(),
                None => return Some(module),
            }
        }
        None
    }

    /// The longest prefix of a path that is a module, and the rest.
    fn split(&self, path: &[String]) -> Option<(ModulePath, ModulePath)> {
        (1..=path.len())
            .rev()
            .map(|length| path.split_at(length))
            .find(|(module, _)| self.imports.contains_key(*module))
            .map(|(module, rest)| (module.to_vec(), rest.to_vec()))
    }

    /// The modules that a module imports from, without itself.
    fn imported(&self, module: &ModulePath) -> BTreeSet<ModulePath> {
        let targets = self.imports[module].iter().filter_map(|import| {
            // A re-export from a child makes the module depend on that child, not on what the child
            // itself re-exports.
            let child = import.path.get(..=module.len()).filter(|path| path.starts_with(module));
            match child {
                Some(child) if import.is_export && self.imports.contains_key(child) => {
                    Some(child.to_vec())
                }
                _ => self.definer(&import.path),
            }
        });
        targets.filter(|target| target != module).collect()
    }

    /// The shortest circle through each import that is in one, each circle once.
    ///
    /// A circle that is not allowed has an import that leads neither to the parent nor to a child.
    /// Between siblings, the way back through their parent is allowed.
    fn circles(&self) -> Vec<Vec<ModulePath>> {
        let edges: Edges = self.imports.keys().map(|from| (from, self.imported(from))).collect();
        let mut seen = BTreeSet::new();
        let imports =
            edges.iter().flat_map(|(from, targets)| targets.iter().map(move |to| (*from, to)));
        imports
            .filter(|(from, to)| !are_related(from, to))
            .filter_map(|(from, to)| circle_through(from, to, &edges))
            .filter(|circle| seen.insert(circle.iter().cloned().collect::<BTreeSet<_>>()))
            .collect()
    }
}

type Edges<'a> = BTreeMap<&'a ModulePath, BTreeSet<ModulePath>>;

/// Whether one is the parent of the other.
fn are_related(one: &[String], other: &[String]) -> bool {
    let is_child =
        |child: &[String], parent: &[String]| !child.is_empty() && parent_of(child) == parent;
    is_child(one, other) || is_child(other, one)
}

fn parent_of(module: &[String]) -> &[String] {
    module.split_last().map_or(&[], |(_, above)| above)
}

/// The shortest circle that begins with this import; its first and last module are the same. The way
/// back between siblings does not lead through their parent.
fn circle_through(from: &ModulePath, to: &ModulePath, edges: &Edges) -> Option<Vec<ModulePath>> {
    let parent = (parent_of(from) == parent_of(to)).then(|| parent_of(from));
    let mut ways = VecDeque::from([vec![from.clone(), to.clone()]]);
    let mut visited = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in edges.get(way.last()?).into_iter().flatten() {
            let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
            if next == from {
                return Some(longer);
            }
            if Some(next.as_slice()) != parent && visited.insert(next.clone()) {
                ways.push_back(longer);
            }
        }
    }
    None
}

fn module_path(source: &Source) -> ModulePath {
    let below = below_root(&source.path).with_extension("");
    let mut names: ModulePath = below.iter().map(|name| name.to_string_lossy().into()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// The path from the library's root, if the path leads to one of its modules.
fn absolute(
    module: &[String],
    path: &[String],
    names: &BTreeSet<ModulePath>,
) -> Option<ModulePath> {
    let (first, rest) = path.split_first()?;
    let base = match first.as_str() {
        "crate" => &[],
        "self" => module,
        "super" => &module[..module.len() - 1],
        _ => {
            let child = [module, std::slice::from_ref(first)].concat();
            return names.contains(&child).then(|| [module, path].concat());
        }
    };
    Some([base, rest].concat())
}

/// The paths that a file imports or names, each with whether it is re-exported.
fn paths(source: &Source) -> Vec<(ModulePath, bool)> {
    let (squeezed, lines) = source.squeezed();
    let tests_from = source.tests_from();
    let end = lines.iter().position(|line| tests_from <= *line).unwrap_or(squeezed.len());
    let mut rest = &squeezed[..end];
    let (mut paths, mut inline) = (Vec::new(), String::new());
    while let Some(at) = find_use(rest) {
        let tree = &rest[at + "use".len()..];
        let length = tree.find(';').unwrap_or(tree.len());
        let is_export = ends_with_visibility(&rest[..at]);
        paths.extend(expand(&tree[..length]).into_iter().map(|path| (path, is_export)));
        inline.push_str(&rest[..at]);
        rest = &tree[length..];
    }
    inline.push_str(rest);
    paths.extend(inline_paths(&inline).into_iter().map(|path| (path, false)));
    paths
}

/// The offset of the next `use` declaration in squeezed code. (The word may also be in a string.)
fn find_use(code: &str) -> Option<usize> {
    let mut words = code.match_indices("use").map(|(at, _)| at);
    words.find(|at| {
        let (before, after) = (&code[..*at], &code[at + "use".len()..]);
        let is_start = before.is_empty() || before.ends_with([';', '{', '}', ']']);
        (is_start || ends_with_visibility(before)) && after.starts_with([' ', '{'])
    })
}

/// Whether code ends with `pub` or `pub(…)`.
fn ends_with_visibility(code: &str) -> bool {
    let code = code.trim_end();
    let scope = code.strip_suffix(')').and_then(|code| code.rfind('(').map(|at| &code[..at]));
    let word = scope.unwrap_or(code);
    word.ends_with("pub") && !word[..word.len() - "pub".len()].ends_with(is_word)
}

/// The paths of a `use` declaration: `a::{b, c::{d, e as f}}` gives `a::b`, `a::c::d`, `a::c::e`.
fn expand(tree: &str) -> Vec<ModulePath> {
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.trim_start().split(" as ").next().unwrap_or_default();
        return vec![names(path)];
    };
    let group = group.rsplit_once('}').map_or(group, |(inside, _)| inside);
    let prefix = names(prefix.trim_start());
    let below = split_at_commas(group).into_iter().flat_map(expand);
    below.map(|path| [prefix.as_slice(), &path].concat()).collect()
}

fn names(path: &str) -> ModulePath {
    path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The parts of a text between commas that are not in braces.
fn split_at_commas(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// The paths in code that begin with `crate::` or `super::`, but for those of a visibility, as
/// `pub(in crate::a)` has.
fn inline_paths(code: &str) -> Vec<ModulePath> {
    let starts = ["crate::", "super::"].into_iter().flat_map(|start| code.match_indices(start));
    let is_start = |at: usize| {
        let before = &code[..at];
        !before.ends_with(is_word) && !before.ends_with("::") && !before.ends_with("(in ")
    };
    starts
        .filter(|(at, _)| is_start(*at))
        .map(|(at, _)| {
            let rest = &code[at..];
            let end = rest.find(|c| !is_word(c) && c != ':').unwrap_or(rest.len());
            names(&rest[..end])
        })
        .collect()
}

#[test]
fn imports_make_no_circles() {
    // The core does not know the crate around it, so each crate is looked at alone.
    let crates = LIBRARY.map(|root| Modules::read(&sources(&[root])).circles());
    assert_none(crates.iter().flatten().map(|circle| shown(circle)));
}

fn shown(circle: &[ModulePath]) -> String {
    circle.iter().map(|module| module.join("::")).collect::<Vec<_>>().join(" -> ")
}

/// The circles among these files, each given by its path and its code.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source {
            path: path.into(),
            text: (*text).to_owned(),
            module: super::source::module_of(path.as_ref()),
            is_test: false,
        })
        .collect();
    Modules::read(&sources).circles().iter().map(|circle| shown(circle)).collect()
}

#[test]
fn a_planted_circle_is_found() {
    let head = ("src/a/mod.rs", "mod x;\nmod y;\npub(crate) use self::{x::{One, Two as Three}};");
    let x = ("src/a/x.rs", "use std::fmt;\npub use super::y::Y;");
    let circle = ["a::x -> a::y -> a::x"];
    for y in [
        "use super::x::One;",
        "use crate::a::One;",
        "use crate::a::{x::{self}};",
        "pub(in crate::a) use super::x::{Two, One};",
        "use {std::fs, super::{One}};",
        "fn f(one: crate::a::One) {}",
        "fn f() { super::x::g() }",
    ] {
        assert_eq!(circles_of(&[head, x, ("src/a/y.rs", y)]), circle, "{y}");
    }
    for y in [
        "use super::y::Y;",
        "use crate::b::One;",
        "// use super::x::One;",
        "pub(in crate::a::x) fn f() {}",
        "#[cfg(test)]\nmod tests {\n    use crate::a::x::One;\n}",
    ] {
        assert_eq!(circles_of(&[head, x, ("src/a/y.rs", y)]), Vec::<String>::new(), "{y}");
    }
}

#[test]
fn a_module_and_its_children_may_import_each_other() {
    let head = ("src/a/mod.rs", "mod x;\nmod y;\npub struct Three;\nuse self::x::one;");
    let x = ("src/a/x.rs", "use super::{Three, y::Y};");
    assert_eq!(circles_of(&[head, x, ("src/a/y.rs", "use super::Three;")]), Vec::<String>::new());
}

#[test]
fn a_circle_through_a_grandchild_is_found() {
    let files = [
        ("src/a/mod.rs", "mod b;\npub struct Three;\nuse self::b::one;"),
        ("src/a/b/mod.rs", "mod c;\nuse self::c::two;"),
        ("src/a/b/c.rs", "use crate::a::Three;"),
    ];
    assert_eq!(circles_of(&files), ["a::b::c -> a -> a::b -> a::b::c"]);
}

#[test]
fn a_circle_of_three_is_found_through_re_exports() {
    let files = [
        ("src/a.rs", "use crate::b::inner::Item;"),
        ("src/b/mod.rs", "pub mod inner;\npub use inner::Item;\nuse self::inner::other;"),
        ("src/b/inner.rs", "use super::local;\nuse crate::c;"),
        ("src/c.rs", "fn f() { crate::a::f() }"),
    ];
    assert_eq!(circles_of(&files), ["a -> b::inner -> c -> a"]);
}
