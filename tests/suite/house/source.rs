//! The shape of a file: why it exists, how long it is, how long its functions are, whether anybody reads it.

use std::path::Path;

use syn::visit::{self, Visit};

use super::assert_none;
use super::sources::{Source, all};

/// The most lines that a file may have before its tests.
const FILE_LIMIT: usize = 400;

/// The most lines that a function may have, from its first keyword to its last brace.
const FUNCTION_LIMIT: usize = 60;

/// The most blocks that may stand in each other in a function: its body and three levels.
const NESTING_LIMIT: usize = 4;

/// Names that say nothing about what is in a file, so that anything is put there.
const EMPTY_NAMES: [&str; 8] =
    ["mod", "utils", "util", "common", "helpers", "helper", "misc", "shared_utils"];

#[test]
fn every_file_opens_by_saying_why_it_exists() {
    let says_why = |line: &str| line.starts_with("//! ") || line.starts_with("#![doc = include_str!(");
    let breaches: Vec<String> = all()
        .iter()
        .filter(|source| !source.text.lines().next().is_some_and(says_why))
        .map(|source| source.path.clone())
        .collect();
    assert_none("the first line of a file says why it exists", &breaches);
}

#[test]
fn no_file_is_above_400_lines() {
    let breaches: Vec<String> = all()
        .iter()
        .filter(|source| source.lines_before_tests() > FILE_LIMIT)
        .map(|source| format!("{}: {}", source.path, source.lines_before_tests()))
        .collect();
    assert_none("a file is at most 400 lines long before its tests", &breaches);
}

#[test]
fn no_function_is_above_60_lines() {
    let mut breaches = Vec::new();
    for source in all() {
        let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path));
        let mut functions = Functions { path: &source.path, breaches: &mut breaches };
        functions.visit_file(&file);
    }
    assert_none("a function is at most 60 lines long", &breaches);
}

#[test]
fn nesting_stays_under_four_levels() {
    let mut breaches = Vec::new();
    for source in all().iter().filter(|source| !source.is_test()) {
        let mut nesting = Nesting::default();
        nesting.visit_file(&syn::parse_file(&source.text).unwrap());
        let lines = nesting.too_deep.iter().map(|line| format!("{}:{line}", source.path));
        breaches.extend(lines);
    }
    assert_none("the condition that matters is not off the left edge of attention", &breaches);
}

#[test]
fn no_file_has_an_empty_name() {
    let breaches: Vec<String> = all()
        .into_iter()
        .filter(|source| EMPTY_NAMES.contains(&stem(source)))
        .map(|source| source.path)
        .collect();
    assert_none("a file is named for the one thing it holds", &breaches);
}

#[test]
fn no_file_is_forgotten_by_the_module_above_it() {
    let sources = all();
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| !["lib", "main"].contains(&stem(source))) {
        let folder = Path::new(&source.path).parent().unwrap().to_str().unwrap();
        let Some(parent) = module_above(folder, &sources) else { continue };
        if !parent.text.contains(&format!("mod {};", stem(source))) {
            breaches.push(format!("{} is no module of {}", source.path, parent.path));
        }
    }
    assert_none("a file that nobody names is never compiled", &breaches);
}

/// Finds the file whose modules are in a folder: `name.rs` beside `name/`, or the root of a crate. Folders whose files
/// are all roots, such as a library's `tests`, have none.
fn module_above<'a>(folder: &str, sources: &'a [Source]) -> Option<&'a Source> {
    let candidates = [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
    candidates.iter().find_map(|path| sources.iter().find(|source| source.path == *path))
}

fn stem(source: &Source) -> &str {
    Path::new(&source.path).file_stem().unwrap().to_str().unwrap()
}

struct Functions<'a> {
    path: &'a str,
    breaches: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (first, last) = (signature.fn_token.span.start(), body.brace_token.span.close().end());
        let lines = last.line - first.line + 1;
        if lines > FUNCTION_LIMIT {
            self.breaches.push(format!("{}: {} has {lines} lines", self.path, signature.ident));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.measure(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Counts blocks that stand in each other, those of unit tests excepted.
#[derive(Default)]
struct Nesting {
    depth: usize,
    too_deep: Vec<usize>,
}

impl Nesting {
    fn enter(&mut self, line: usize, inside: impl FnOnce(&mut Self)) {
        self.depth += 1;
        if self.depth == NESTING_LIMIT + 1 {
            self.too_deep.push(line);
        }
        inside(self);
        self.depth -= 1;
    }
}

impl<'ast> Visit<'ast> for Nesting {
    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.enter(block.brace_token.span.open().start().line, |nesting| visit::visit_block(nesting, block));
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }
}
