//! The public API of each library, as text in `tests/api`: a change of it has to change that text
//! too, with `CABI_BLESS=1`.
//!
//! Every `pub` in the sources is part of the API, because the lint `unreachable_pub` is denied.
//! Private modules are left out of paths. Macros are not expanded: each use of a macro that makes
//! public items or impls is listed by its own text.
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use quote::ToTokens;
use syn::{
    ImplItem, Item, ItemEnum, ItemTrait, ItemType, ItemUse, Visibility, parse_file, parse_quote,
};

/// Returns `tokens` on one line, without comments, and with few blanks.
fn text(tokens: &impl ToTokens) -> String {
    let mut line = String::new();
    let tokens = tokens.to_token_stream().to_string();
    for (i, part) in tokens.split("# [doc =").enumerate() {
        let mut ends = part.match_indices("\"]");
        let end = ends.find(|(at, _)| i > 0 && !part[..*at].ends_with('\\'));
        for word in part[end.map_or(0, |(at, _)| at + 2)..].split_whitespace() {
            let is_apart = line
                .ends_with(|c: char| c.is_alphanumeric() || ",;:>)}]_=+".contains(c))
                && word.starts_with(|c: char| c.is_alphanumeric() || "-{=+_&'*#".contains(c));
            line.push_str(if is_apart { " " } else { "" });
            line.push_str(word);
        }
    }
    line.replace(":: ", "::")
        .replace("{}", "")
        .trim_end()
        .to_owned()
}

fn read(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap();
    parse_file(&text).unwrap().items
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// The listing of a crate while it is made.
#[derive(Default)]
struct Listing {
    lines: BTreeSet<String>,
    /// Names of public types and traits, and of macros that make public items or impls.
    names: BTreeSet<String>,
    /// Impls and uses of macros, with the name that has to be among `names`.
    of_name: Vec<(String, String)>,
}

impl Listing {
    /// Adds `item` of the public module `path`, whose modules are in `folder`.
    fn item(&mut self, path: &str, mut item: Item, folder: &Path) {
        let mut name = None;
        match &mut item {
            Item::Mod(module) => {
                let path = match is_public(&module.vis) {
                    true => format!("{path}{}::", module.ident),
                    false => path.to_owned(),
                };
                let below = folder.join(module.ident.to_string());
                let files = [below.with_extension("rs"), below.join("mod.rs")];
                let items = match (module.content.take(), files.iter().find(|f| f.exists())) {
                    (Some((_, items)), _) => items,
                    (None, Some(file)) => read(file),
                    // A private module whose file depends on the machine.
                    (None, None) => return,
                };
                let is_test = module.attrs.iter().any(|a| text(a).contains("(test"));
                let items = items.into_iter().filter(|_| !is_test);
                return items.for_each(|item| self.item(&path, item, &below));
            }
            Item::Const(i) if is_public(&i.vis) => *i.expr = parse_quote!(_),
            Item::Fn(i) if is_public(&i.vis) => i.block.stmts.clear(),
            Item::Use(ItemUse { vis, .. }) if is_public(vis) => {}
            Item::Type(ItemType { vis, ident, .. }) if is_public(vis) => name = Some(&*ident),
            Item::Struct(i) if is_public(&i.vis) => {
                name = Some(&i.ident);
                let fields = i.fields.iter_mut();
                fields
                    .filter(|f| !is_public(&f.vis))
                    .for_each(|f| f.ty = parse_quote!(_));
            }
            Item::Enum(ItemEnum { vis, ident, .. }) | Item::Trait(ItemTrait { vis, ident, .. })
                if is_public(vis) =>
            {
                name = Some(ident);
            }
            Item::Impl(i) => {
                let mut items = std::mem::take(&mut i.items);
                let mut code = text(i);
                for item in &mut items {
                    match item {
                        ImplItem::Fn(f) if is_public(&f.vis) => f.block.stmts.clear(),
                        ImplItem::Const(c) if is_public(&c.vis) => (),
                        _ => continue,
                    }
                    code = format!("{code}\n    {}", text(item));
                }
                let is_shown = i.trait_.is_some() || code.contains('\n');
                let owner = text(&i.self_ty);
                let owner = owner.split('<').next().filter(|_| is_shown);
                return self
                    .of_name
                    .extend(owner.map(|owner| (owner.to_owned(), code)));
            }
            Item::Macro(i) => match &i.ident {
                Some(own) if text(&i.mac.tokens).contains("pub ") => name = Some(own),
                Some(_) => return,
                None => return self.of_name.push((text(&i.mac.path), text(i))),
            },
            _ => return,
        }
        self.names.extend(name.map(|name| name.to_string()));
        if !matches!(item, Item::Macro(_)) {
            self.lines.insert(format!("{path} {}", text(&item)));
        }
    }
}

/// Returns the API of the crate whose sources are in `folder`, and the names of its types.
fn api(folder: &Path) -> (String, BTreeSet<String>) {
    let mut listing = Listing::default();
    let root = read(&folder.join("lib.rs")).into_iter();
    root.for_each(|item| listing.item("", item, folder));
    let lines = listing.of_name.into_iter();
    let lines = lines.filter(|(name, _)| listing.names.contains(name));
    listing.lines.extend(lines.map(|(_, line)| line));
    let lines = listing
        .lines
        .iter()
        .map(|line| line.trim_start().to_owned() + "\n");
    (lines.collect(), listing.names)
}

#[test]
fn the_public_api_of_each_library_is_the_committed_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut changed = Vec::new();
    for entry in fs::read_dir(root.join("../crates")).unwrap() {
        let folder = entry.unwrap().path();
        let path = root
            .join("api")
            .join(folder.file_name().unwrap())
            .with_extension("txt");
        if !folder.join("src/lib.rs").exists() {
            continue;
        }
        let (new, _) = api(&folder.join("src"));
        if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
            fs::write(&path, &new).unwrap();
        }
        let old_text = fs::read_to_string(&path).unwrap_or_default();
        let [new, old] = [&new, &old_text].map(|text| text.lines().collect::<BTreeSet<_>>());
        changed.extend(new.difference(&old).map(|line| format!("+ {line}")));
        changed.extend(old.difference(&new).map(|line| format!("- {line}")));
    }
    assert!(
        changed.is_empty(),
        "CABI_BLESS=1 writes this change:\n{}",
        changed.join("\n")
    );
}

#[test]
fn one_name_is_one_type_in_all_libraries() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let (mut names, mut twice) = (BTreeSet::new(), Vec::new());
    for entry in fs::read_dir(root).unwrap() {
        let src = entry.unwrap().path().join("src");
        if src.join("lib.rs").exists() {
            // `Error` is a crate's own, as in other Rust libraries.
            let own = api(&src).1.into_iter().filter(|name| name != "Error");
            twice.extend(own.filter(|name| !names.insert(name.clone())));
        }
    }
    assert!(twice.is_empty(), "names of two types: {twice:?}");
}
